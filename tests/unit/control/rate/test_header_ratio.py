"""A cut quota, seen from percentages before anything is refused."""

from cryoasync.control.rate.header_ratio import SETTLING_SECONDS, HeaderRatio

COUNT = "request count"


class Source:
    """Says each second what part of its quota is used, by an instance that sees a quarter of the traffic."""

    def __init__(self) -> None:
        self.ratio = HeaderRatio()
        self.now = 0.0
        self.quota = 1.0

    def say(self, seconds: float, own: float, said: int | None = None) -> None:
        until = self.now + seconds
        while self.now < until:
            percent = round(own / 4 / self.quota) if said is None else said
            self.ratio.update({COUNT: percent}, {COUNT: own}, self.now)
            self.now += 1.0


def test_a_cut_quota_is_seen_as_a_jump_and_over_when_it_is_back() -> None:
    source = Source()
    source.say(120, own=72)
    assert source.ratio.cut == 1.0
    source.quota = 0.4
    source.say(2, own=72)
    assert 2.3 < source.ratio.cut < 2.7
    source.say(SETTLING_SECONDS + 5, own=40)
    assert 2.3 < source.ratio.cut < 2.7, "it follows the use, so it is believed"
    source.quota = 1.0
    source.say(2, own=40)
    assert source.ratio.cut == 1.0


def test_a_figure_that_does_not_follow_our_use_is_not_believed() -> None:
    """It says 90 % whatever is sent."""
    source = Source()
    source.say(120, own=72)
    source.say(SETTLING_SECONDS - 5, own=72, said=90)
    assert source.ratio.cut > 1.0
    source.say(10, own=20, said=90)
    assert source.ratio.cut == 1.0
    source.say(600, own=72, said=90)
    assert source.ratio.cut == 1.0, "nor later, until it was calm again"
    source.say(10, own=72)
    source.say(2, own=72, said=90)
    assert source.ratio.cut > 1.0


def test_a_low_use_or_a_source_that_says_nothing_decides_nothing() -> None:
    source = Source()
    source.say(300, own=72, said=0)
    source.say(10, own=72, said=50)
    assert source.ratio.cut == 1.0, "what was always 0 cannot jump by a factor"
    source.say(10, own=5, said=99)
    source.ratio.update({}, {COUNT: 72.0}, source.now)
    assert source.ratio.cut == 1.0
