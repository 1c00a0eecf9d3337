"""How a book is measured, and what its store does for each value group: the questions. The verbs are in `tuning`."""

from dataclasses import asdict, dataclass, fields
from decimal import Decimal

from django.db.models import Field
from django.utils.translation import gettext as _

from crm_suite.lib.money import show
from customers.models import Group
from segmentation.models import AnalysisOptions, GroupPolicy

#: Nothing is counted over more than a hundred years.
MOST_DAYS = 36_500


@dataclass(frozen=True)
class Measuring:
    """All options of a book, plain values. The defaults are those of a book that nobody has tuned.

    `window_days` None: all time. Thresholds matter where `threshold` is fixed: r in days, f in orders or purchase days,
    m in the book's currency. p30, p60, p90 are own stage bounds in days; all None where they come from the spells.
    """

    window_days: int | None = None
    frequency: str = AnalysisOptions.Frequency.ORDERS.value
    monetary: str = AnalysisOptions.Monetary.NET.value
    threshold: str = AnalysisOptions.Threshold.MEAN.value
    compare: str = AnalysisOptions.Compare.VALUES.value
    r_threshold: int | None = None
    f_threshold: int | None = None
    m_threshold: Decimal | None = None
    p30: int | None = None
    p60: int | None = None
    p90: int | None = None
    min_spells: int = 50

    @property
    def bounds(self) -> tuple[int, int, int] | None:
        """Own stage bounds in days; None where they come from the spells."""
        if self.p30 is None or self.p60 is None or self.p90 is None:
            return None
        return self.p30, self.p60, self.p90

    def as_dict(self) -> dict[str, object]:
        """As JSON keeps it, for AnalysisRun.options: the amount as text."""
        kept = asdict(self)
        return kept | {"m_threshold": None if self.m_threshold is None else str(self.m_threshold)}


NAMES = tuple(field.name for field in fields(Measuring))


def label_of(name: str) -> str:
    """An option as people read it."""
    field = AnalysisOptions._meta.get_field(name)
    assert isinstance(field, Field)
    return str(field.verbose_name)


def measuring(book: str) -> Measuring:
    """The options of a book as they stand now: what its next full run will obey."""
    row = AnalysisOptions.objects.filter(book=book).values(*NAMES).first()
    return Measuring(**row) if row else Measuring()


def measured_with(kept: dict[str, object]) -> Measuring:
    """The options that a run kept. Runs from before there were options obeyed the defaults."""
    known = {name: value for name, value in kept.items() if name in NAMES}
    amount = known.get("m_threshold")
    return Measuring(**known | {"m_threshold": None if amount is None else Decimal(str(amount))})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Policy:
    """What a store does for one value group: `policy` in its own words, empty where it has said nothing yet."""

    group: str
    in_care: bool = False
    policy: str = ""


def policies(book: str) -> dict[str, Policy]:
    """All eight groups, also those without a row."""
    rows = GroupPolicy.objects.filter(book=book).values_list("group", "in_care", "policy")
    told = {group: Policy(group, in_care, policy) for group, in_care, policy in rows}
    return {group: told.get(group, Policy(group)) for group in Group.values}


def in_words(found: Measuring, currency: str) -> list[str]:
    """How customers are measured, a short sentence for each option that matters."""
    days = found.window_days
    by_scores = found.compare == AnalysisOptions.Compare.SCORES
    by_days = found.frequency == AnalysisOptions.Frequency.DAYS
    is_average = found.monetary == AnalysisOptions.Monetary.AVERAGE
    window = _("Orders of the last %(days)s days") % {"days": days} if days else _("Orders of all time")
    return [
        window,
        _("R: days since the last paid order"),
        _("F: days with a purchase") if by_days else _("F: paid orders"),
        _("M: average order value") if is_average else _("M: paid minus refunded"),
        _("High: a score above the mean score") if by_scores else _high_in_words(found, currency),
    ]


def _high_in_words(found: Measuring, currency: str) -> str:
    if found.threshold == AnalysisOptions.Threshold.FIXED:
        own = {"r": found.r_threshold, "f": found.f_threshold, "m": show(found.m_threshold, currency)}
        return _("High: less than %(r)s days, more than %(f)s, more than %(m)s") % own
    if found.threshold == AnalysisOptions.Threshold.MEDIAN:
        return _("High: better than the median of the buyers")
    return _("High: better than the mean of the buyers")


def bounds_in_words(found: Measuring) -> str:
    """Where the stage bounds come from."""
    if found.bounds:
        p30, p60, p90 = found.bounds
        return _("Set by hand: %(p30)s, %(p60)s and %(p90)s days") % {"p30": p30, "p60": p60, "p90": p90}
    return _("From this store's own repurchases, once there are %(n)s of them") % {"n": found.min_spells}
