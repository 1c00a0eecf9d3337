"""What the invented store sells: a hundred and twenty products in six categories."""

from dataclasses import dataclass

import numpy as np

from crm_suite.demo.people import Floats, Ints

#: category → (names, lowest and highest price in yuan, share of the price that the product costs)
RANGE: dict[str, tuple[str, int, int, float]] = {
    "茶叶 Tea": ("明前龙井 碧螺春 白毫银针 铁观音 大红袍 正山小种 茉莉花茶 普洱熟茶 六安瓜片 桂花乌龙", 48, 398, 0.42),
    "零食 Snacks": (
        "手剥松子 玫瑰鲜花饼 海盐腰果 话梅山楂 桂花糕 芝麻脆片 黑糖姜茶 冻干草莓 老婆饼 五香牛肉干",
        19,
        98,
        0.55,
    ),
    "茶具 Teaware": ("青瓷盖碗 手冲公道杯 紫砂壶 旅行茶具 竹茶盘 建盏 玻璃茶壶 茶滤 温茶炉 陶瓷茶罐", 39, 598, 0.38),
    "香氛 Fragrance": (
        "桂花香薰 檀香线香 雪松蜡烛 白茶扩香 艾草香包 茉莉香膏 乌木香薰 柚子蜡烛 沉香盘香 车载香片",
        29,
        268,
        0.33,
    ),
    "家居 Home": (
        "亚麻桌旗 棉麻靠垫 手工蒲团 竹编收纳 蓝染布巾 羊毛毯 木质托盘 干花花束 陶土花器 藤编灯罩",
        35,
        468,
        0.48,
    ),
    "礼盒 Gifts": (
        "中秋茶礼 新年礼盒 端午香囊礼 七夕双人杯 商务茶礼 生辰礼盒 伴手礼 婚礼回礼 谢师礼盒 乔迁礼盒",
        128,
        888,
        0.45,
    ),
}
SIZES = ("标准装", "家庭装")


@dataclass(frozen=True)
class Catalogue:
    """Column by column; `price` and `cost` in fen (hundredths of a yuan), `popularity` adds up to 1."""

    skus: list[str]
    names: list[str]
    categories: list[str]
    category: Ints
    price: Ints
    cost: Ints
    popularity: Floats

    def __len__(self) -> int:
        return len(self.skus)


def build_catalogue(rng: np.random.Generator) -> Catalogue:
    names, categories, prices, costs = [], [], [], []
    for category, (kinds, low, high, cost_share) in RANGE.items():
        for kind in kinds.split():
            base = low + (high - low) * rng.random() ** 2
            for factor, size in zip((1.0, 1.7), SIZES, strict=True):
                names.append(f"{kind} {size}")
                categories.append(category)
                prices.append(round(base * factor) * 100 - 10)  # prices end in .90
                costs.append(round(prices[-1] * cost_share))
    popularity = rng.pareto(1.6, len(names)) + 0.3
    order = {category: place for place, category in enumerate(RANGE)}
    return Catalogue(
        skus=[f"TH{number:04d}" for number in range(1, len(names) + 1)],
        names=names,
        categories=categories,
        category=np.array([order[category] for category in categories]),
        price=np.array(prices),
        cost=np.array(costs),
        popularity=popularity / popularity.sum(),
    )
