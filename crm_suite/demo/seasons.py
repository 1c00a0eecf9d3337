"""When the invented store sells: weekdays, the great sales and the quiet weeks around the Spring Festival."""

from datetime import date, timedelta

import numpy as np
from borax.calendars.lunardate import LunarDate

from crm_suite.demo.people import Floats

DAY = 24 * 60 * 60

#: (month, first day, last day) → how many times an ordinary day
SALES = {
    (3, 6, 8): 1.7, (5, 31, 31): 1.9, (6, 1, 3): 1.9, (6, 4, 15): 1.2, (6, 16, 18): 3.2, (9, 7, 9): 1.5,
    (10, 31, 31): 2.2, (11, 1, 3): 2.4, (11, 4, 9): 1.2, (11, 10, 10): 2.6, (11, 11, 11): 4.6, (12, 10, 12): 1.9,
}  # fmt: skip
AFTER_SALES = {(6, 19, 28): 0.7, (11, 12, 24): 0.75}
WEEKDAYS = (0.97, 0.95, 0.95, 0.98, 1.03, 1.07, 1.05)
HOURS = np.array([
    1, 0.5, 0.3, 0.2, 0.2, 0.3, 0.8, 1.6, 2.6, 3.6, 4.6, 4.4,
    4.0, 3.8, 3.8, 3.8, 3.8, 3.6, 3.6, 4.4, 5.6, 6.2, 5.0, 2.6,
])  # fmt: skip


def demand(start: date, days: int) -> Floats:
    """Relative demand of each day from `start` on; its mean is 1."""
    weights: Floats = np.array([_weight(start + timedelta(days=number)) for number in range(days)])
    relative: Floats = weights * (days / weights.sum())
    return relative


def _weight(day: date) -> float:
    factor = WEEKDAYS[day.weekday()]
    for (month, first, last), times in (SALES | AFTER_SALES).items():
        if day.month == month and first <= day.day <= last:
            return factor * times
    until_festival = (spring_festival(day.year) - day).days
    if 8 <= until_festival <= 26:  # 年货节
        return factor * 1.7
    return factor * (0.4 if -6 <= until_festival <= 2 else 1.0)


def spring_festival(year: int) -> date:
    festival: date = LunarDate(year, 1, 1).to_solar_date()
    return festival


def growth(days: int) -> Floats:
    """New customers a day, relative: the last day brings about twice as many as the first."""
    return np.linspace(0.65, 1.35, days)
