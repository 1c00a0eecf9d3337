"""Two e-mails to begin with, in MJML. The shop, its goods and its addresses are invented."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Starter:
    """`code` names it in a link."""

    code: str
    name: str | Promise
    subject: str
    body: str


_NEWS = """<mjml>
  <mj-head>
    <mj-preview>Three new teas, picked this spring.</mj-preview>
    <mj-attributes>
      <mj-all font-family="Helvetica, Arial, 'PingFang SC', 'Microsoft YaHei', sans-serif" />
      <mj-text font-size="16px" line-height="1.6" color="#1d2430" />
      <mj-button background-color="#0d6577" border-radius="6px" font-size="16px" inner-padding="14px 28px" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#f4f5f7">
    <mj-section background-color="#ffffff" padding="32px 0 0">
      <mj-column>
        <mj-text font-size="13px" color="#66707a">{{ shop }}</mj-text>
        <mj-text font-size="28px" line-height="1.25" font-weight="bold">The first leaves of spring</mj-text>
        <mj-text>Hello {{ name | default: "there" }}, the harvest is in. We kept a little of each for you.</mj-text>
      </mj-column>
    </mj-section>
    <mj-section background-color="#ffffff">
      <mj-column>
        <mj-text font-weight="bold">Longjing</mj-text>
        <mj-text padding-top="0">Pan-fired, mild, a little like chestnuts.</mj-text>
      </mj-column>
      <mj-column>
        <mj-text font-weight="bold">Biluochun</mj-text>
        <mj-text padding-top="0">Tiny curls from among fruit trees.</mj-text>
      </mj-column>
    </mj-section>
    {% if orders > 2 %}
    <mj-section background-color="#e3f0f2">
      <mj-column>
        <mj-text>You have ordered {{ orders }} times. A third tea travels along with your next parcel.</mj-text>
      </mj-column>
    </mj-section>
    {% endif %}
    <mj-section background-color="#ffffff" padding-bottom="32px">
      <mj-column>
        <mj-button href="https://shop.example/spring">See the spring teas</mj-button>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""

_BACK = """<mjml>
  <mj-head>
    <mj-preview>你的那一份，我们还留着。</mj-preview>
    <mj-attributes>
      <mj-all font-family="'PingFang SC', 'Microsoft YaHei', Helvetica, Arial, sans-serif" />
      <mj-text font-size="16px" line-height="1.7" color="#1d2430" />
      <mj-button background-color="#b93429" border-radius="6px" font-size="16px" inner-padding="14px 32px" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#f7f3ee">
    <mj-section background-color="#ffffff" padding="40px 0 8px">
      <mj-column>
        <mj-text align="center" font-size="26px" line-height="1.3" font-weight="bold">好久不见</mj-text>
        <mj-text align="center">{{ name | default: "你好" }}，距离上次下单已经有一阵子了。</mj-text>
        <mj-divider border-width="1px" border-color="#e3d9cc" width="80px" />
        <mj-text>这段时间，我们换了更轻的包装，也把常被问起的几款茶做成了小袋装，第一次喝也不怕浪费。</mj-text>
      </mj-column>
    </mj-section>
    <mj-section background-color="#ffffff" padding-bottom="32px">
      <mj-column>
        <mj-table>
          <tr><td style="padding:8px 0">小袋装龙井</td><td align="right">10 袋</td></tr>
          <tr><td style="padding:8px 0">小袋装白茶</td><td align="right">10 袋</td></tr>
        </mj-table>
        <mj-button href="https://shop.example/back">回来看看</mj-button>
        <mj-text align="center" font-size="13px" color="#7a6f63">
          不想再收到这类邮件？<a href="{{ unsubscribe_url }}">点此退订</a>
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""

STARTERS = (
    Starter("news", _("News with two columns (English)"), "The first leaves of spring", _NEWS),
    Starter("back", _("We have not met for a while (Chinese)"), "好久不见，这次换小袋装", _BACK),
)


def starter(code: str) -> Starter | None:
    """The starter of this code."""
    return next((known for known in STARTERS if known.code == code), None)
