"""
The planted bugs: one-line faults of the real code, each of which something must notice.

Rule: data only. `old` stands in its file exactly once (a test says so, so that none of them rots),
and `new` in its place breaks what `breaks` says. A fault that leaves the program as good as it was
is no bug and does not belong here.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """One fault; `file` is a path inside `watcher/`."""

    name: str
    file: str
    old: str
    new: str
    breaks: str


BOUNDARY = (
    Mutant(
        "nan_passes",
        "domain/amounts.py",
        "    if not number.is_finite():",
        "    if number.is_nan():\n        return number\n    if number.is_infinite():",
        "I7: a NaN is refused where it comes in",
    ),
    Mutant(
        "empty_is_nought",
        "domain/amounts.py",
        'raise AmountError(f"{what}: expected a number, found an empty text")',
        "return Decimal(0)",
        "missing is not nought",
    ),
    Mutant(
        "unread_is_gone",
        "policy/dangers.py",
        "        if pool not in readings:\n",
        "        if readings.get(pool) is None:\n",
        "I11: None is not flat",
    ),
    Mutant(
        "unknown_is_safe",
        "policy/readings.py",
        "        return None\n    return 0.0 if _is_under_water(pool) else math.inf",
        "        return math.inf\n    return 0.0 if _is_under_water(pool) else math.inf",
        "I11: a distance nobody knows is not a safe one",
    ),
    Mutant(
        "stale_accepted",
        "policy/decide.py",
        "    if age_us > _allowed_us(found, None, state.dangers, rules):",
        "    if age_us > 10**15:",
        "I2: an old answer is no sight of an account",
    ),
    Mutant(
        "parts_apart_accepted",
        "policy/decide.py",
        "APART_MAX_US = 10 * SECOND_US",
        "APART_MAX_US = 10_000 * SECOND_US",
        "I12: one reading is of one moment",
    ),
    Mutant(
        "jump_believed",
        "policy/doubts.py",
        "JUMP_FACTOR = 10.0",
        "JUMP_FACTOR = 1e12",
        "I3: no money on figures that nothing explains",
    ),
    Mutant(
        "secrets_shown",
        "logs.py",
        "return self._redact(str(self._render(logger, method, event)))",
        "return str(self._render(logger, method, event))",
        "I5: no secret leaves",
    ),
)

MARGIN = (
    Mutant(
        "better_opinion",
        "margin/state.py",
        "return ours if self.told is None else min(ours, self.told)",
        "return ours if self.told is None else max(ours, self.told)",
        "I14: the worse of two opinions rules",
    ),
    Mutant(
        "gap_forgotten",
        "margin/opinion.py",
        "    return max(0.0, equity - told * requirement)",
        "    return 0.0",
        "I14: distances follow the worse opinion",
    ),
    Mutant(
        "debt_twice",
        "margin/compile/debt_ratio.py",
        "draft.row(debt, Out.EQUITY, -1.0, unit=unit)",
        "draft.row(debt, Out.EQUITY, -2.0, unit=unit)",
        "I12: a debt counts once",
    ),
    Mutant(
        "short_is_long",
        "margin/compile/parts.py",
        "    return 1.0 if side is Side.LONG else -1.0",
        "    return 1.0",
        "I1: a short loses when the price rises",
    ),
)

ALERTS = (
    Mutant(
        "ack_mutes_worse",
        "policy/alerting.py",
        "        ack=None,\n",
        "        ack=danger.ack,\n",
        "I1: an ack is of one tier, a worse one ends it",
    ),
    Mutant(
        "one_good_sample",
        "policy/alerting.py",
        "GOOD_SAMPLES = 3",
        "GOOD_SAMPLES = 1",
        "I11: good news needs three readings",
    ),
    Mutant(
        "no_dwell",
        "policy/alerting.py",
        "elapsed_us(now_us, since) >= dwell_us(danger)",
        "elapsed_us(now_us, since) >= 0",
        "I11: good news needs its time",
    ),
    Mutant(
        "exit_is_enter",
        "policy/readings.py",
        "if not self.value >= b.leave",
        "if not self.value >= b.enter",
        "I4: a value at a line pages nobody at each swing",
    ),
    Mutant(
        "estimate_eases",
        "policy/dangers.py",
        "        new, kind = alerting.step_estimate(\n            old, guess,",
        "        new, kind = (alerting.step if guess else alerting.step_estimate)(\n"
        "            old, guess,",
        "I11: an estimate may make things worse only",
    ),
    Mutant(
        "gone_at_once",
        "policy/alerting.py",
        "    proven = danger.good_samples",
        "    proven = gone or danger.good_samples",
        "I11: one reading without positions proves nothing",
    ),
    Mutant(
        "loss_untold",
        "policy/shrinking.py",
        "    if not lost:\n",
        "    if lost:\n",
        "I1: a liquidation is not told as a recovery",
    ),
    Mutant(
        "steps_lost",
        "policy/checks.py",
        "        elif _is_news(state, finding) and finding.waits:\n",
        "        elif not finding:\n",
        "I1: of a liquidation in steps none is lost",
    ),
    Mutant(
        "sale_untold",
        "policy/losses.py",
        "    for pool, sold in _sales(before, after):\n",
        "    for pool, sold in _sales(before, before):\n",
        "I1: collateral the venue sells is told",
    ),
    Mutant(
        "rise_excused",
        "policy/losses.py",
        "    return rise.worth - came < most * rise.expected",
        "    return rise.worth - came < rise.worth",
        "I3: part of a rise does not explain it",
    ),
    Mutant(
        "never_repeated",
        "policy/speaking.py",
        "    if since_us >= repeat_us(",
        "    if since_us >= 100 * repeat_us(",
        "I1: what is critical is told again",
    ),
    Mutant(
        "never_escalates",
        "policy/speaking.py",
        "    return due if due > reach else None",
        "    return None",
        "I1: what nobody answers goes further",
    ),
    Mutant(
        "fallback_unused",
        "policy/speaking.py",
        "        due = Reach.FALLBACK",
        "        due = Reach.SECOND",
        "I1: what nobody answers goes to the last road",
    ),
    Mutant(
        "emergency_quiet",
        "policy/speaking.py",
        "    return furthest if tier is Tier.EMERGENCY else Reach.CHAT",
        "    return Reach.CHAT",
        "I1: an emergency goes to every road",
    ),
    Mutant(
        "mute_for_ever",
        "policy/dangers.py",
        "if 0 < mute.until_us - now_us <= MUTE_MAX_US",
        "if mute.until_us",
        "I1: every mute ends by itself",
    ),
    Mutant(
        "mute_covers_critical",
        "policy/dangers.py",
        "MUTE_TIER_MAX = Tier.WARNING",
        "MUTE_TIER_MAX = Tier.EMERGENCY",
        "I1: no mute covers what is critical",
    ),
    Mutant(
        "key_without_number",
        "policy/envelope.py",
        '{incident.opened_at_us}:{incident.seq}"',
        '{incident.opened_at_us}"',
        "I1: the second word of an incident is not the first one again",
    ),
    Mutant(
        "never_hot",
        "policy/decide.py",
        "    hot = is_hot(moved.dangers, readings.values())",
        "    hot = False",
        "I1: what is near is looked at more often",
    ),
)

BLINDNESS = (
    Mutant(
        "blind_for_ever",
        "policy/blind.py",
        "        if age_us <= allowed:",
        "        if age_us <= 10**15:",
        "I2: an account unseen for S is told as blind",
    ),
    Mutant(
        "miss_resets_clock",
        "policy/decide.py",
        "    since = state.first_seen_at_us if state.last_good_at_us is None"
        " else state.last_good_at_us",
        "    since = now.steady_us",
        "I2: a miss is no sight of an account",
    ),
    Mutant(
        "blind_tier_kept",
        "policy/blind.py",
        "        tier = max(tier, Tier.CRITICAL)",
        "        tier = max(tier, Tier.WARNING)",
        "I2: blind and near liquidation is critical",
    ),
    Mutant(
        "sight_allowance_fixed",
        "policy/blind.py",
        "            own = round(distance * ALLOWED_PER_PERCENT_US)",
        "            own = max_us",
        "I2: S shrinks with the distance",
    ),
    Mutant(
        "unknown_distance_waits",
        "policy/blind.py",
        "            own = ALLOWED_MIN_US",
        "            own = max_us",
        "I2: a distance nobody knows allows the least",
    ),
    Mutant(
        "seeing_untold",
        "policy/blind.py",
        "    return BlindState(), Kind.SEEING if told else None",
        "    return BlindState(), None",
        "I10: the end of a blindness is told",
    ),
    Mutant(
        "heartbeat_by_timer",
        "service/heartbeat.py",
        "        found = await self._doubt(now)",
        "        found = None",
        "I8: a ping is proof of work",
    ),
    Mutant(
        "heartbeat_unarrived",
        "policy/pulse.py",
        "        one.arrived and one.account == state.account",
        "        one.account == state.account",
        "I8: what has not arrived was not told",
    ),
)

SERVICE = (
    Mutant(
        "wall_time",
        "service/clock.py",
        "            steady_us=(self._steady_ns() + self._anchor_ns) // 1000,",
        "            steady_us=self._wall_ns() // 1000,",
        "durations are of the steady clock",
    ),
    Mutant(
        "ban_ignored",
        "service/poll.py",
        "        if self._missed is not None and now.steady_us < self._quiet_until_us:",
        "        if self._missed is None and now.steady_us < self._quiet_until_us:",
        "F4: nothing is asked during a ban",
    ),
    Mutant(
        "ban_cut_short",
        "service/poll.py",
        "min(wait_s, PAUSE_MAX_S.get(missed.kind, PAUSE_REST_MAX_S))",
        "min(wait_s, PAUSE_REST_MAX_S)",
        "F4: a ban is waited out",
    ),
    Mutant(
        "unkept_unsaid",
        "service/poll.py",
        "            for message in decision.messages:\n                self._outlet.tell(message)",
        "            for message in decision.messages:\n                str(message)",
        "I1: a store that fails loses no alert",
    ),
    Mutant(
        "states_forgotten",
        "assembly.py",
        "    states = await store.load()",
        "    states: dict[str, AccountState] = {}",
        "I13: a restart remembers what was told and acked",
    ),
    Mutant(
        "loop_stays_dead",
        "service/supervise.py",
        "            kept.failures += 1",
        "            return",
        "I7: a loop that breaks is started again",
    ),
    Mutant(
        "sent_before_sending",
        "service/deliver.py",
        "            receipt = await self.sender.send(message, keys)",
        "            await self.rows.mark(claim, None)\n"
        "            receipt = await self.sender.send(message, keys)",
        "I1: a row is marked when it was sent",
    ),
    Mutant(
        "ambiguous_is_sent",
        "service/deliver.py",
        "        if error.ambiguous and self._is_enough(message, claim.copies + 1):",
        "        if error.ambiguous:",
        "I1: what is critical and may be lost is sent again",
    ),
    Mutant(
        "no_fail_over",
        "service/deliver.py",
        "        if due.stranded_us is not None:\n",
        "        if due.stranded_us is None and self._earlier:\n",
        "I1: a chat that fails is stood in for",
    ),
    Mutant(
        "malformed_lost",
        "service/sending.py",
        "            if not error.permanent or not (text.bold or text.fixed or keys):",
        "            if error:",
        "I1: what is refused for its form is sent bare",
    ),
    Mutant(
        "retry_after_ignored",
        "service/roads.py",
        "            return error.retry_after_s",
        "            return 0.0",
        "I4: who is asked to wait waits",
    ),
    Mutant(
        "flood",
        "service/roads.py",
        "        return _free_at_us(self.sends_us, allowed, free_us)",
        "        return free_us",
        "I4: no more than twelve messages a minute",
    ),
    Mutant(
        "outbox_apart",
        "store/sqlite.py",
        "        for message in messages:\n",
        '        ledger.execute("COMMIT")\n        ledger.execute("BEGIN IMMEDIATE")\n'
        "        for message in messages:\n",
        "I13: what was decided and what is said of it are one transaction",
    ),
    Mutant(
        "lease_ignored",
        "store/outbox.py",
        "(state = 'claimed' AND lease_us <= :now)",
        "(state = 'claimed')",
        "I4: what is being sent is not sent by another",
    ),
    Mutant(
        "milder_supersedes",
        "store/outbox.py",
        "AND (:share <> :edit OR share = :edit) AND (lane > :urgent OR tier <= :tier)",
        "AND (:share <> :edit OR share = :edit)",
        "I1: no milder word takes the place of a worse one",
    ),
)

PEOPLE = (
    Mutant(
        "press_ungated",
        "channels/telegram_gate.py",
        "        return query is not None and self._admits_press(query)",
        "        return query is not None",
        "I6: who is not listed presses nothing",
    ),
    Mutant(
        "gate_by_chat",
        "channels/telegram_gate.py",
        "            and message.from_user.id in self._users",
        "            and message.from_user.id",
        "I6: a listed chat does not make a listed person",
    ),
    Mutant(
        "press_twice",
        "store/kept.py",
        "    OR (:operator AND (taken_us IS NULL OR taken_with = :update))",
        "    OR :operator",
        "I16: a button works once",
    ),
    Mutant(
        "button_anywhere",
        "store/kept.py",
        "WHERE hash = :hash AND chat = :chat AND",
        "WHERE hash = :hash AND",
        "I16: a button is of the chat it was sent to",
    ),
    Mutant(
        "readers_press",
        "store/kept.py",
        "    OR (:operator AND (taken_us",
        "    OR (1 AND (taken_us",
        "I16: who may only read orders nothing",
    ),
    Mutant(
        "readers_order",
        "service/commands.py",
        "if verb.for_operators and not command.operator:",
        "if verb.for_operators and not command.word:",
        "I16: who may only read orders nothing",
    ),
)

MONEY = (
    Mutant(
        "transfer_retried",
        "service/driver.py",
        "            answer = await self._post(claimed, ts_ms)",
        "            answer = await self._post(claimed, ts_ms)\n"
        "            answer = await self._post(claimed, ts_ms)",
        "I3: one decision is one request",
    ),
    Mutant(
        "signed_late",
        "service/driver.py",
        "return await self._money.send(claimed, ts_ms)",
        "return await self._money.send(claimed, await self._money.now_ms())",
        "I3: a request bears the time that was written down",
    ),
    Mutant(
        "sleeper_sends",
        "service/driver.py",
        "        return max(venue_ms - claimed.ts_sign_ms, ours_ms) > half_ms",
        "        return False",
        "I3: who slept over his claim sends nothing",
    ),
    Mutant(
        "unknown_is_rejected",
        "policy/protocol.py",
        "            return _moved(noted, Progress.UNKNOWN, now_us)",
        "            return _moved(noted, Progress.REJECTED, now_us)",
        "I3: what nobody knows may have been sent",
    ),
    Mutant(
        "not_found_is_proof",
        "policy/protocol.py",
        "    return (venue_ms - intent.ts_sign_ms) * 1000 > SETTLE_US",
        "    return venue_ms >= intent.ts_sign_ms",
        "I3: not found is no proof before the settle time",
    ),
    Mutant(
        "failed_once_is_proof",
        "policy/protocol.py",
        "            if now_us - noted.failed_us >= FAILED_APART_US:",
        "            if noted.failed_us:",
        "I3: a venue that says failed is asked again later",
    ),
    Mutant(
        "unknown_uncounted",
        "policy/allowance.py",
        "    counted = [i for i in means.intents if i.progress in COUNTED]",
        "    counted = [i for i in means.intents if i.progress is Progress.DONE]",
        "I3: what may have been sent counts against the caps",
    ),
    Mutant(
        "floor_ignored",
        "policy/allowance.py",
        "        Why.FLOOR: free - limits.keep_in_source / price,",
        "        Why.FLOOR: free,",
        "I3: what is to stay in a wallet stays",
    ),
    Mutant(
        "caps_unchecked",
        "policy/allowance.py",
        "    return cut(found.why, limits) if intent.amount > found.amount else None",
        "    return None",
        "I3: caps hold in the transaction that claims",
    ),
    Mutant(
        "claim_unjudged",
        "store/intents.py",
        "    if words:\n        return words",
        "    if not words:\n        words = str(words)",
        "I3: nothing is sent that the verdict refuses",
    ),
    Mutant(
        "blind_money",
        "policy/topups.py",
        "    if state.blind.active or state.blind.misses or state.last_good is None:",
        "    if state.last_good is None:",
        "I3: no money moves unseen",
    ),
    Mutant(
        "money_by_one_reading",
        "policy/topups.py",
        "    if first is None or last is None or last - first < APART_US:",
        "    if first is None or last is None:",
        "I3: one reading moves no money",
    ),
    Mutant(
        "withdrawal_unknown_passes",
        "venues/money.py",
        "        if rights.withdraw is not False:",
        "        if rights.withdraw:",
        "I5: no money by a key that may withdraw, or may for all that is known",
    ),
)

PLANTED = (*BOUNDARY, *MARGIN, *ALERTS, *BLINDNESS, *SERVICE, *PEOPLE, *MONEY)
