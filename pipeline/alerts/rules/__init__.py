"""Alert rules: a small query language, what a rule sees of a storyline, and when a match rings. All of it is pure."""

from pipeline.alerts.rules.match import Match, Rule, compile_rule
from pipeline.alerts.rules.parse import RuleError

__all__ = ["Match", "Rule", "RuleError", "compile_rule"]
