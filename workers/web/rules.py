"""Alert rules in the API: seen, added, changed, removed, and tried on the last days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from sqlalchemy import Connection

from pipeline.alerts.rules import RuleError, compile_rule
from pipeline.alerts.rules.options import Options, span
from pipeline.embedding import version
from pipeline.errors import ModelError
from pipeline.ledger import alerts, rules
from pipeline.ledger.rules import StoredRule
from workers import ruleview
from workers.alerter.archive import rehearse
from workers.alerter.sentences import Embedding
from workers.web import api, models, queries, rulemodels
from workers.web.api import NOT_FOUND, Cursor, Id
from workers.web.context import Here
from workers.web.guard import BODY_BYTES

ORDER = "rules"  # the only one there is: that of the ids
RECENT = 50
TESTED_EVENTS = 20_000  # the latest: a request must not take minutes; `slugline rules test` reads further back
LONGEST = timedelta(days=3650)
CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": models.Problem, "description": "The name is taken"}}
AWAY: dict[int | str, dict[str, Any]] = {503: {"model": models.Problem, "description": "The model cannot be loaded"}}

router = APIRouter(prefix="/api/v1", max_body_size=BODY_BYTES, tags=["rules"], responses=api.router.responses)


@router.get("/rules")
def list_rules(
    here: Here, limit: Annotated[int, Query(ge=1, le=rulemodels.MOST)] = 100, cursor: Cursor = None
) -> rulemodels.Rules:
    """Alert rules, page by page, in the order in which they were added."""
    after = int(queries.decode(ORDER, cursor)[1]) if cursor else 0
    with here.ledger.read() as tx:
        found = rules.every(tx, after=after, limit=limit + 1)
        count = rules.count(tx)
    kept = found[:limit]
    following = queries.encode(ORDER, kept[-1].id, kept[-1].id) if len(found) > limit else None
    return rulemodels.Rules(rules=[_view(one) for one in kept], count=count, next_cursor=following)


@router.post("/rules", status_code=201, responses=CONFLICT)
def add_rule(here: Here, wanted: rulemodels.NewRule) -> rulemodels.RuleView:
    """Ring when the query holds of a storyline, for what is written from now on."""
    options = Options.of(wanted.model_dump(exclude={"name", "query"}))
    with here.ledger.write() as tx:
        _free(tx, wanted.name)
        return _view(ruleview.add(tx, wanted.name, wanted.query, options, here.clock()))


@router.post("/rules/test", responses=AWAY)
def test_rule(here: Here, wanted: rulemodels.RuleTest) -> rulemodels.Rehearsal:
    """What a query would have rung for, of the latest 20,000 events. Nothing is saved, nobody is rung."""
    _read(wanted.query)
    back = min(span(wanted.since), LONGEST)
    model = here.settings.model
    try:
        made = rehearse(
            here.ledger,
            wanted.query,
            here.clock() - back,
            version=version(model),
            embed=Embedding(model),
            most=TESTED_EVENTS,
        )
    except ModelError as error:
        raise HTTPException(503, f"{error}.") from error
    return rulemodels.Rehearsal.model_validate(made.view())


@router.get("/rules/{rule_id}", responses={**NOT_FOUND})
def show_rule(here: Here, rule_id: Id) -> rulemodels.RuleWithAlerts:
    """A rule, and what it rang for."""
    with here.ledger.read() as tx:
        one = _one(tx, rule_id)
        rung = [ruleview.alert_view(each) for each in alerts.latest(tx, one.id, RECENT)]
    return rulemodels.RuleWithAlerts.model_validate({**ruleview.view(one), "alerts": rung})


@router.patch("/rules/{rule_id}", responses={**NOT_FOUND, **CONFLICT})
def change_rule(here: Here, rule_id: Id, change: rulemodels.RuleChange) -> rulemodels.RuleView:
    """Change a rule, pause or resume it. With another query, or resumed, it rings for what is written from then on."""
    given = change.given()
    with here.ledger.write() as tx:
        one = _one(tx, rule_id)
        values: dict[str, Any] = {name: given.pop(name) for name in ("name", "paused") if name in given}
        if values.get("name", one.name) != one.name:
            _free(tx, values["name"])
        if "query" in given:
            values["text"] = given.pop("query")
            _read(values["text"])
        if given:
            options = Options.of({**one.options, **given})
            rules.check_sinks(tx, options.sinks)
            values["options"] = options.stored()
        rules.change(tx, one.id, values, here.clock())
        return _view(_one(tx, rule_id))


@router.delete("/rules/{rule_id}", status_code=204, responses={**NOT_FOUND})
def remove_rule(here: Here, rule_id: Id) -> None:
    """Forget a rule and what it rang for."""
    with here.ledger.write() as tx:
        rules.remove(tx, _one(tx, rule_id).id)


def _read(query: str) -> None:
    try:
        compile_rule(query)
    except RuleError as error:
        raise HTTPException(422, f"query: {error}.") from error


def _free(tx: Connection, name: str) -> None:
    known = rules.find(tx, rules.check_name(name))
    if known is not None:
        raise HTTPException(409, f"There is a rule of this name already, as number {known.id}.")


def _one(tx: Connection, rule_id: int) -> StoredRule:
    found = next(iter(rules.every(tx, [rule_id])), None)
    if found is None:
        raise HTTPException(404, f"There is no rule {rule_id}.")
    return found


def _view(one: StoredRule) -> rulemodels.RuleView:
    shown: Mapping[str, Any] = ruleview.view(one)
    return rulemodels.RuleView.model_validate(shown)
