"""Whatever people do to cases in whatever order, the record holds what a plain model of the rules says."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fraud.access import Permission, Person
from fraud.audit_trail import verify
from fraud.case import Case, CaseState, Disposition
from fraud.case_queue import CaseFilter, Snoozed
from fraud.cases import Cases
from fraud.errors import CaseMoved, Forbidden, InputError
from fraud.record import Record
from fraud.settings import CaseSettings
from tests.fraud.worked_cases import ANN, BEN, EVE, SUE, account_alert, hire, pay, raise_alerts

PEOPLE = st.sampled_from([ANN, BEN, SUE, EVE])
NUMBERS = st.integers(1, 4)
STALE = st.sampled_from([0, 0, 0, 0, 1])
DECISIONS = st.sampled_from(
    [
        (Disposition.CONFIRMED_FRAUD, "collusion"),
        (Disposition.FALSE_POSITIVE, "travel"),
        (Disposition.INCONCLUSIVE, "out_of_time"),
    ]
)
LARGE = 250.0
LATER = datetime.now(UTC) + timedelta(days=1)


@dataclass
class Model:
    """What a case should be."""

    account: int
    money: float
    version: int = 1
    state: CaseState = CaseState.OPEN
    assignee: str | None = None
    disposition: Disposition | None = None
    decided_by: str | None = None
    snoozed: bool = False
    said: frozenset[bool] = frozenset()
    """What final decisions said of transactions; a person who reopens the case takes it back, an alert does not."""

    def decide(self) -> None:
        """Let the disposition be final."""
        words = {Disposition.CONFIRMED_FRAUD: {True}, Disposition.FALSE_POSITIVE: {False}}
        self.state = CaseState.CLOSED
        self.said |= words.get(self.disposition or Disposition.INCONCLUSIVE, set())

    def is_free_for(self, person: Person) -> bool:
        """Whether nobody else has it."""
        return self.assignee in (None, person.name)

    @property
    def is_workable(self) -> bool:
        return self.state in (CaseState.OPEN, CaseState.IN_PROGRESS)


class CasesMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.record = Record.open(f"sqlite:///{self.folder}/record.sqlite3")
        self.cases = Cases(self.record, CaseSettings(four_eyes_amount=LARGE))
        self.models: dict[int, Model] = {}
        self.newest: dict[int, int] = {}
        self.versions: dict[int, int] = {}
        self.acts = 0

    def teardown(self) -> None:
        self.record.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        hire(self.record)
        pay(self.record, [65, 70, 80])
        for account in (1, 2):
            self.alert(account, reopened=False)

    @rule(account=st.integers(1, 2), reopened=st.booleans())
    def alert(self, account: int, reopened: bool) -> None:
        version = self.versions[account] = self.versions.get(account, 0) + 1
        raise_alerts(
            self.record,
            account_alert(f"x_{account}", version, reopened=reopened, transaction_ids=("t65", "t70")),
        )
        number = self.newest.get(account)
        model = self.models.get(number or 0)
        if model is not None and model.state is not CaseState.CLOSED:
            model.money = 100.0 * version
        elif model is not None and reopened:
            kept = Model(account, 100.0 * version, model.version + 1, said=model.said)
            self.models[number or 0] = kept
        else:
            self.newest[account] = len(self.models) + 1
            self.models[len(self.models) + 1] = Model(account, 100.0 * version)

    def act(
        self,
        number: int,
        person: Person,
        stale: int,
        permission: Permission,
        allowed: Callable[[Model], bool],
        run: Callable[[str, int], Case],
        then: Callable[[Model], None],
    ) -> None:
        """Do an act, and expect of it what the model does."""
        name = f"C-{number:06d}"
        model = self.models.get(number)
        version = model.version - stale if model is not None else 1
        expected: type[Exception] | tuple[type[Exception], ...] | None = None
        if not person.may(permission):
            expected = Forbidden
        elif model is None:
            expected = InputError
        elif stale:
            expected = CaseMoved
        elif not allowed(model):
            expected = (CaseMoved, InputError)
        try:
            run(name, version)
        except (Forbidden, InputError) as error:
            assert expected is not None, error
            assert isinstance(error, expected), error
        else:
            assert expected is None
            assert model is not None
            then(model)
            model.version += 1
            self.acts += 1

    @rule(number=NUMBERS, person=PEOPLE, stale=STALE)
    def take(self, number: int, person: Person, stale: int) -> None:
        model = self.models.get(number)
        if model is not None and not stale and model.is_workable and model.assignee == person.name:
            # To take what one has already is nothing.
            assert self.cases.take(f"C-{number:06d}", person, model.version).version == model.version
            return

        def then(model: Model) -> None:
            model.state, model.assignee = CaseState.IN_PROGRESS, person.name

        self.act(
            number, person, stale, Permission.WORK_CASES,
            lambda one: one.is_workable and one.is_free_for(person),
            lambda name, version: self.cases.take(name, person, version), then,
        )  # fmt: skip

    @rule(number=NUMBERS, person=PEOPLE, to=PEOPLE, stale=STALE)
    def assign(self, number: int, person: Person, to: Person, stale: int) -> None:
        def then(model: Model) -> None:
            model.state, model.assignee = CaseState.IN_PROGRESS, to.name

        self.act(
            number, person, stale, Permission.WORK_CASES,
            lambda one: one.is_workable and to is not EVE and (person is SUE or one.is_free_for(person)),
            lambda name, version: self.cases.assign(name, person, version, to.name), then,
        )  # fmt: skip

    @rule(number=NUMBERS, person=PEOPLE, stale=STALE)
    def release(self, number: int, person: Person, stale: int) -> None:
        def then(model: Model) -> None:
            model.state, model.assignee = CaseState.OPEN, None

        self.act(
            number, person, stale, Permission.WORK_CASES,
            lambda one: one.state is CaseState.IN_PROGRESS and (person is SUE or one.is_free_for(person)),
            lambda name, version: self.cases.release(name, person, version), then,
        )  # fmt: skip

    @rule(number=NUMBERS, person=PEOPLE, stale=STALE, decision=DECISIONS)
    def dispose(self, number: int, person: Person, stale: int, decision: tuple[Disposition, str]) -> None:
        def then(model: Model) -> None:
            waits = decision[0] is Disposition.CONFIRMED_FRAUD and model.money >= LARGE
            model.assignee = model.decided_by = person.name
            model.disposition, model.snoozed = decision[0], False
            model.state = CaseState.AWAITING_APPROVAL
            if not waits:
                model.decide()

        self.act(
            number, person, stale, Permission.WORK_CASES,
            lambda one: one.is_workable and one.is_free_for(person),
            lambda name, version: self.cases.dispose(name, person, version, *decision), then,
        )  # fmt: skip

    @rule(number=NUMBERS, person=PEOPLE, stale=STALE, approves=st.booleans())
    def answer(self, number: int, person: Person, stale: int, approves: bool) -> None:
        def then(model: Model) -> None:
            if approves:
                model.decide()
            else:
                model.state, model.disposition, model.decided_by = CaseState.IN_PROGRESS, None, None

        self.act(
            number, person, stale, Permission.APPROVE,
            lambda one: one.state is CaseState.AWAITING_APPROVAL and one.decided_by != person.name,
            lambda name, version: self.cases.approve(name, person, version) if approves
            else self.cases.refuse(name, person, version, "no"), then,
        )  # fmt: skip

    @rule(number=NUMBERS, person=PEOPLE, stale=STALE, wakes=st.booleans())
    def sleep(self, number: int, person: Person, stale: int, wakes: bool) -> None:
        def then(model: Model) -> None:
            model.snoozed = not wakes

        self.act(
            number, person, stale, Permission.WORK_CASES,
            lambda one: one.is_workable and (one.snoozed if wakes else one.is_free_for(person)),
            lambda name, version: self.cases.wake(name, person, version) if wakes
            else self.cases.snooze(name, person, version, LATER, "later"), then,
        )  # fmt: skip

    @rule(number=NUMBERS, person=PEOPLE, stale=STALE)
    def reopen(self, number: int, person: Person, stale: int) -> None:
        def then(model: Model) -> None:
            model.state, model.assignee = CaseState.IN_PROGRESS, person.name
            model.disposition = model.decided_by = None
            model.said = frozenset()

        self.act(
            number, person, stale, Permission.WORK_CASES,
            lambda one: one.state is CaseState.CLOSED and self.newest[one.account] == number,
            lambda name, version: self.cases.reopen(name, person, version, "again"), then,
        )  # fmt: skip

    @rule(number=NUMBERS, person=PEOPLE)
    def comment(self, number: int, person: Person) -> None:
        if number in self.models and person is not EVE:
            self.cases.comment(f"C-{number:06d}", person, "hm")
            self.acts += 1

    @invariant()
    def holds_what_the_model_says(self) -> None:
        everything = CaseFilter(states=tuple(CaseState), snoozed=Snoozed.SHOWN)
        found = {int(one.case_id[2:]): one for one in self.cases.queue(everything).rows}
        assert found.keys() == self.models.keys()
        for number, model in self.models.items():
            one = found[number]
            assert (one.state, one.assignee, one.disposition, one.decided_by) == (
                model.state, model.assignee, model.disposition, model.decided_by,
            )  # fmt: skip
            assert (one.version, one.is_snoozed(datetime.now(UTC))) == (model.version, model.snoozed)
            assert (one.closed_at is not None) == (model.state is CaseState.CLOSED)
            labels = {label.is_fraud for label in self.cases.labels(one.case_id)}
            assert labels == model.said

    @invariant()
    def every_act_is_audited(self) -> None:
        assert verify(self.record.engine).number == self.acts


CasesMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestCases = CasesMachine.TestCase
