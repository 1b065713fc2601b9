"""What a rule means, once more, slowly: written from the table in sim/timing/README.md, step by step.

A row is a list of time steps, 0, 1, 2, ...; each is the list of values that a signal takes in that step, in
order. Nothing here knows of numpy, or of how the checker goes about it.
"""

from irq13.sim.timing.forms import (
    Absent,
    Follows,
    Happening,
    Never,
    Order,
    PulseWidth,
    Quiet,
    RuleEvent,
    Stable,
)

STRONG = {"0": "0", "1": "1", "l": "0", "h": "1"}


class Oracle:
    """Signals as rows, a clock as a row, and one step for each unit of time; the last step is the end."""

    def __init__(self, rows, clock, last):
        self.rows = rows
        self.clock = clock
        self.last = last
        self.changes = {name: list(self._changes(row)) for name, row in rows.items()}

    @staticmethod
    def _changes(row):
        """(step, number, from, to) of each change; the first value is number 0, from nothing."""
        value, number = None, 0
        for step, taken in enumerate(row):
            for one in taken:
                if one != value:
                    yield step, number, value, one
                    value, number = one, number + 1

    def level(self, name, step):
        found = None
        for at, _, _, value in self.changes[name]:
            if at <= step:
                found = value
        return found

    def cycle(self, step):
        """Rising edges of the clock up to a step."""
        return sum(1 for at in self.clock if at <= step)

    # States.

    def is_value(self, value, constant):
        """True, False or, where it cannot be said, None."""
        if constant is None:
            return value is None or any(bit not in STRONG for bit in value)
        text = constant.text
        if text == "x":
            return value is None or any(bit in "xuw-" for bit in value)
        if text in ("z", "u", "w", "l", "h", "-"):
            return value is not None and text in value
        if value is None:
            return None
        if text.startswith("0b") and set(text[2:]) - set("01"):
            bits = text[2:]
            while len(bits) < len(value):
                bits = (bits[0] if bits[0] in "xz" else "0") + bits
            return value == bits
        if any(bit not in STRONG for bit in value):
            return None
        return int("".join(STRONG[bit] for bit in value), 2) == int(text, 0)

    def holds(self, condition, step):
        return all(bool(self.is_value(self.level(term.signal, step), term.value)) for term in condition.terms)

    def begin(self):
        return min(changes[0][0] for changes in self.changes.values() if changes)

    def stretches(self, condition):
        """Steps in which it holds, in runs."""
        runs, now = [], []
        for step in range(self.begin(), self.last + 1):
            if self.holds(condition, step):
                now.append(step)
            elif now:
                runs.append(now)
                now = []
        return [*runs, now] if now else runs

    # Events.

    def happens(self, event):
        """(step, number) of each occurrence."""
        changes = self.changes[event.signal]
        if event.kind is Happening.CHANGES:
            return [(step, number) for step, number, before, _ in changes if before is not None]
        found, was = [], None
        for step, number, _, value in changes:
            if event.kind is Happening.BECOMES:
                now = self.is_value(value, event.value)
            else:
                now = None if value not in STRONG else STRONG[value] == "1"
                if event.kind is Happening.FALLS and now is not None:
                    now = not now
            if now is None:
                continue
            if was is False and now:
                found.append((step, number))
            was = now
        return found

    # Lengths.

    def apart(self, start, end, span):
        return self.cycle(end) - self.cycle(start) if span.in_cycles else end - start

    def over(self, start, span):
        """Whether the span after a step is over when the trace ends."""
        if span.in_cycles:
            return self.cycle(self.last) > self.cycle(start) + span.amount
        return self.last >= start + span.amount

    # Forms: (tests, steps of violations, steps of what is undecided).

    def check(self, form, condition):
        return getattr(self, type(form).__name__.lower())(form, condition)

    def follows(self, form: Follows, condition):
        tests, broken, cut = 0, [], []
        for start, trigger in self.happens(form.trigger):
            if not self.holds(condition, start):
                continue
            tests += 1
            answered = False
            for step, number in self.happens(form.event):
                later = step >= start
                if form.event.signal == form.trigger.signal:
                    later = number > trigger
                apart = self.apart(start, step, form.span)
                near = apart == form.span.amount if form.exact else apart <= form.span.amount
                answered = answered or (later and near)
            if not answered:
                # Without an end of the trace in it, a time cut to whole units is over when they are.
                is_over = self.over(start, form.span)
                if not form.span.in_cycles:
                    is_over = self.last >= start + int(form.span.amount)
                (broken if is_over else cut).append(start)
        return tests, broken, cut

    def never(self, form: Never, condition):
        steps = [step for step, _ in self.happens(form.event) if self.holds(condition, step)]
        return len(self.stretches(condition)) if condition.terms else 1, steps, []

    def absent(self, form: Absent, condition):
        both = type(condition)((*form.state.terms, *condition.terms))
        tests = len(self.stretches(condition)) if condition.terms else 1
        return tests, [run[0] for run in self.stretches(both)], []

    def stable(self, form: Stable, condition):
        broken = []
        runs = self.stretches(condition)
        for step, _ in self.happens(RuleEvent(form.signal, Happening.CHANGES)):
            broken += [step for run in runs if step in run[1:]]
        return len(runs), broken, []

    def pulsewidth(self, form: PulseWidth, condition):
        tests, broken, cut = 0, [], []
        start = None
        at_first = True
        for step, _, _, value in [*self.changes[form.signal], (self.last, 0, None, "end")]:
            inside = value in STRONG and STRONG[value] == str(form.level)
            if start is None and inside and not at_first:
                start = step
            elif start is not None and not inside:
                if self.holds(condition, start):
                    tests += 1
                    if self.apart(start, step, form.span) < form.span.amount:
                        (cut if value == "end" else broken).append(start)
                start = None
            if not inside:
                at_first = False
        return tests, broken, cut

    def quiet(self, form: Quiet, condition):
        tests, broken, cut = 0, [], []
        changes = [step for step, _ in self.happens(RuleEvent(form.signal, Happening.CHANGES))]
        for step, _ in self.happens(form.event):
            if not self.holds(condition, step):
                continue
            tests += 1
            if form.before:
                if any(one < step and self.apart(one, step, form.span) < form.span.amount for one in changes):
                    broken.append(step)
            elif any(one > step and self.apart(step, one, form.span) < form.span.amount for one in changes):
                broken.append(step)
            elif self.apart(step, self.last, form.span) < form.span.amount:
                cut.append(step)
        return tests, broken, cut

    def order(self, form: Order, condition):
        tests, broken = 0, []
        turn, since = 0, None
        for step in range(self.last + 1):
            # The changes of this step, those of one signal in their order.
            left = {}
            for number, event in enumerate(form.events):
                for at, change in self.happens(event):
                    if at == step and self.holds(condition, step):
                        left.setdefault((event.signal, change), set()).add(number)
            while left:
                heads = [min(key for key in left if key[0] == signal) for signal, _ in left]
                wanted = [key for key in heads if turn in left[key]]
                if wanted:
                    left.pop(wanted[0])
                    tests += turn == 0
                    turn, since = (turn + 1) % len(form.events), step
                    continue
                first = min(left, key=lambda key: (self._rank(form, key[0]), key[1]))
                which = left.pop(first)
                if turn == 0:
                    continue
                passed = form.events[1:turn]
                early = [one for one in which if one > turn and form.events[one] not in passed]
                anew = 0 in which and form.events[0] not in passed
                if early or anew:
                    broken.append(since)
                    turn = 0
                    if 0 in which:
                        tests += 1
                        turn, since = 1, step
        return tests, broken, [since] if turn else []

    @staticmethod
    def _rank(form, signal):
        return max(number for number, event in enumerate(form.events) if event.signal == signal)
