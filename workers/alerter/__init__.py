"""The alerter: reads the log of events, and rings where rules match. One is active, others stand by."""

from workers.alerter.loop import ROLE, Alerter

__all__ = ["ROLE", "Alerter"]
