"""Invented people. Nobody here exists: numbers are one block, e-mails are at the example domains of RFC 2606."""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高梁郑谢宋唐许韩邓冯曹"
GIVEN = "安宁静雅若溪雨桐子涵欣怡诗语嘉禾明月清和思远星辰佳琪晓彤梓萱文博浩然俊杰一诺可心乐瑶书瑜景行知夏念初芷兰"
FIRST = [
    "Alice",
    "Ben",
    "Clara",
    "Daniel",
    "Emma",
    "Felix",
    "Grace",
    "Henry",
    "Iris",
    "Jack",
    "Kate",
    "Leo",
    "Mia",
    "Noah",
    "Olivia",
    "Paul",
    "Ruby",
    "Sam",
    "Tess",
    "Vera",
]
LAST = [
    "Archer",
    "Bell",
    "Carter",
    "Dale",
    "Ellis",
    "Fisher",
    "Green",
    "Hale",
    "Irwin",
    "Jones",
    "King",
    "Lane",
    "Moore",
    "North",
    "Owens",
    "Price",
    "Reed",
    "Stone",
]
MOODS = [
    "amber",
    "brisk",
    "calm",
    "clever",
    "cosy",
    "early",
    "gentle",
    "happy",
    "jade",
    "lucky",
    "mellow",
    "misty",
    "quiet",
    "rosy",
    "sunny",
    "tidy",
    "warm",
    "witty",
]
THINGS = [
    "brook",
    "cedar",
    "cloud",
    "crane",
    "dune",
    "fern",
    "harbor",
    "lake",
    "lotus",
    "maple",
    "meadow",
    "moon",
    "peony",
    "pine",
    "river",
    "teapot",
    "willow",
    "wind",
]
HOSTS = ("example.com", "example.org", "example.net")
CITIES = {
    "上海": 14, "北京": 12, "广州": 9, "深圳": 9, "杭州": 9, "成都": 8, "南京": 6, "武汉": 6, "苏州": 5, "西安": 5,
    "重庆": 5, "长沙": 4, "青岛": 3, "厦门": 3, "昆明": 2,
}  # fmt: skip
ABROAD = {"Shanghai": "China", "Hong Kong": "China", "Singapore": "Singapore", "London": "United Kingdom"}

ENGLISH_SHARE = 0.12
NO_PURCHASE_SHARE = 0.06
SHOP_SHARES = (0.55, 0.25, 0.20)  # Tmall, JD, own site


@dataclass(frozen=True)
class People:
    """Column by column; a person is a position. `home` and `second` are positions of shops, second −1 for none."""

    names: list[str]
    phones: list[str]
    emails: list[str]
    cities: list[str]
    countries: list[str]
    languages: list[str]
    birth_years: Ints  # 0 = not known
    birth_days: Ints  # day of the year
    home: Ints
    second: Ints
    buyers: Flags  # bought at least once
    email_consent: Flags
    sms_consent: Flags

    def __len__(self) -> int:
        return len(self.names)


def invent_people(rng: np.random.Generator, count: int) -> People:
    """`count` people with names, contact points (not everybody has one), home shop and consents."""
    english = rng.random(count) < ENGLISH_SHARE
    home = rng.choice(3, count, p=SHOP_SHARES)
    second = np.where(rng.random(count) < 0.12, (home + rng.integers(1, 3, count)) % 3, -1)
    # The own site asks for an e-mail; marketplaces keep it to themselves unless the buyer joins the programme.
    has_email = rng.random(count) < np.where((home == 2) | (second == 2), 0.92, 0.42)
    has_phone = rng.random(count) < 0.86
    cities, countries = _places(rng, english)
    return People(
        names=[_name(rng, is_english) for is_english in english],
        phones=[f"+8617000{number:06d}" if known else "" for number, known in enumerate(has_phone)],
        emails=[_email(rng, number) if known else "" for number, known in enumerate(has_email)],
        cities=cities,
        countries=countries,
        languages=["en" if is_english else "zh-hans" for is_english in english],
        birth_years=np.where(rng.random(count) < 0.35, rng.integers(1958, 2006, count), 0),
        birth_days=rng.integers(1, 366, count),
        home=home,
        second=second,
        buyers=rng.random(count) >= NO_PURCHASE_SHARE,
        email_consent=has_email & (rng.random(count) < 0.78),
        sms_consent=has_phone & (rng.random(count) < 0.66),
    )


def _name(rng: np.random.Generator, english: bool) -> str:
    if english:
        return f"{FIRST[rng.integers(len(FIRST))]} {LAST[rng.integers(len(LAST))]}"
    # Squaring prefers the front of the list: a few surnames are very common.
    surname = SURNAMES[int(len(SURNAMES) * rng.random() ** 2)]
    given = rng.integers(len(GIVEN), size=1 if rng.random() < 0.2 else 2)
    return surname + "".join(GIVEN[place] for place in given)


def _email(rng: np.random.Generator, number: int) -> str:
    mood, thing = MOODS[rng.integers(len(MOODS))], THINGS[rng.integers(len(THINGS))]
    return f"{mood}.{thing}{number}@{HOSTS[number % len(HOSTS)]}"


def _places(rng: np.random.Generator, english: Flags) -> tuple[list[str], list[str]]:
    weights = np.fromiter(accumulate(CITIES.values()), dtype=np.float64)
    chinese = np.searchsorted(weights, rng.random(len(english)) * weights[-1], side="right")
    abroad = rng.integers(len(ABROAD), size=len(english))
    names, foreign = list(CITIES), list(ABROAD)
    cities = [foreign[a] if e else names[c] for e, a, c in zip(english, abroad, chinese, strict=True)]
    return cities, [ABROAD.get(city, "China") for city in cities]
