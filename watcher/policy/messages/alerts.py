"""
What is said of accounts: danger, blindness, what the checks find, venues, keys and clocks.

First stand the words every room uses: tiers, numbers, times and counts.
"""

from __future__ import annotations

from watcher.domain.account import Side
from watcher.domain.alert import MissKind, Tier

# -- tiers, by which everything is called --

TIERS = {
    Tier.CALM: "CALM",
    Tier.WATCH: "WATCH",
    Tier.WARNING: "WARNING",
    Tier.CRITICAL: "CRITICAL",
    Tier.EMERGENCY: "EMERGENCY",
}

# -- numbers and times --

PERCENT = "{value} %"
LEVEL = "{value:,} %"
ROUND_PERCENT = "{value:g} %"
HEALTH_LARGE = "{value:.1f}x"
HEALTH_SMALL = "{value:.2f}x"
HEALTH_NO_LIMIT = "no limit"
HEALTH_BELOW_ZERO = "below zero"
DAYS_HOURS = "{days} d {hours} h"
DAYS = "{days} d"
HOURS_MINUTES = "{hours} h {minutes} min"
HOURS = "{hours} h"
MINUTES_SECONDS = "{minutes} min {seconds} s"
MINUTES = "{minutes} min"
SECONDS = "{seconds} s"
ROUGHLY_NOW = "under a minute"
ROUGHLY_MINUTES = "about {minutes:.0f} min"
ROUGHLY_HOURS = "about {hours:.1f} h"
CLOCK_TIME = "%H:%M:%S"
MINUTE_TIME = "%H:%M %Z"
DAY_TIME = "%-d %b %H:%M %Z"

# -- counts, and what is cut short --

ACCOUNTS_ONE = "{count} account"
ACCOUNTS = "{count} accounts"
MESSAGES_ONE = "{count} message"
MESSAGES = "{count} messages"
AND = " and "
AND_MORE_POOLS = "and {count} more, none worse"
SIDES = {Side.LONG: "long", Side.SHORT: "short"}
AND_MORE_ROWS = "and {count} more"
ALL_ACCOUNTS = "all"
NEVER = "never"
AND_MORE = " and {count} more"
AND_MORE_PAGES = "and {count} more pages"
NOTHING = "nothing"
INCIDENTS_ONE = "{count} incident"
INCIDENTS = "{count} incidents"
GAPS_ONE = "{count} gap"
GAPS = "{count} gaps"
NONE = "none"

# -- the lines of a message --

WAS = "was {tier}"
LIKELY = "Most likely LIQUIDATED"
UNSEEN = {
    MissKind.UNREACHABLE: "No answer from {who} for {since}",
    MissKind.UNREADABLE: "{who}'s answers make no sense for {since}",
    MissKind.REFUSED: "{who} refuses the key for {since}",
    MissKind.RATE_LIMITED: "{who}'s rate limit holds us off for {since}",
    MissKind.BANNED: "{who} shut us out for {since}",
    MissKind.MAINTENANCE: "{who} in maintenance for {since}",
    MissKind.UNSUPPORTED: "{who} account not readable for {since}",
    MissKind.SECURITY: "Not read for {since}: the key may withdraw",
    MissKind.STRANGER: "Not read for {since}: another account's key",
}
# what venues call their own ratios, where that is not the name in their answers
RATIOS = {
    "accountMMRate": "MM rate",
    "marginRatio": "margin ratio",
    "marginLevel": "level",
}
LEVEL_WAS = "Level was {then}"
HEALTH_WAS = "Health was {then}"
LIQUIDATION_AT = "Liquidation at {coin} {price} ({percent})"
ONLY_FALLS = "Only {coin} falls: {price} ({percent})"
ONLY_RISES = "Only {coin} rises: {price} ({percent})"
AT_THIS_SPEED = "At this speed: {left}"
AT_LAST_SPEED = "At the last minute's speed: {left}"
AND_LIKELY = "{equity}: most likely LIQUIDATED"
SPARE_ENOUGH = "{wallet} holds {amount}: enough"
SPARE_BRINGS = "{wallet} holds {amount}: brings {brings}"
POOL = "Pool {label}"
NO_RANGE = "none in range"
SHORT_LEVEL = "level {value}"
SHORT_NOTHING_OWED = "nothing owed"
SHORT_HEALTH = "health {value}"
NO_POSITION = "no position"
HEALTH = "Health {value} (liquidation at 1.00x)"
TEN_MINUTES_AGO = "ten min ago"
MINUTES_AGO = "{minutes} min ago"
ALL_COINS = "All coins {percent}"
FALLS_FAST = "Falls fast: a tier up"
LIQUIDATION_IN = "Liquidation in {left} at this pace: a tier up"
EQUITY = "Equity {equity} {asset}"
EQUITY_KEEP = ", must keep {requirement}"
EQUITY_NOW = "Equity {equity}"
EQUITY_WAS = ", was {equity}"
BACK_ADD = "Back to {goal}: add {amount}"
BACK_REPAY = "  or repay {amount:,f} {asset} from outside"
BACK_HOPELESS = "No top-up brings back {goal}: {asset} too weak"
OR_CLOSE = "  or close"
BACK_CLOSE = "Back to {goal}: close"
CLOSE_ALL = "{start} all {amount:,f} {unit}"
CLOSE_PART = "{start} {amount:,f} of {of:,f} {unit}"
AGE = "{age} old"
ORIGIN_VENUE = "{age}; {venue}'s figures only"
ORIGIN_OURS = "{age}; our model only"
ORIGIN_DIFFER = "{age}; our model and {venue} differ by {apart}"
ORIGIN_AGREE = "{age}; our model and {venue} agree to {apart:.1f} %"
NO_LIQUIDATION = "No liquidation in range{earlier}"
PAST_LIQUIDATION = "At or past liquidation"
FROM_LIQUIDATION = "{value} from liquidation{earlier}"
NOTHING_OWED = "Nothing owed"
LEVEL_CALL = "call {level}, "
LEVEL_END = "liquidation {level}"
LEVEL_LINE = "Level {level} ({bars}{end})"
STAGE_PAST = "Past {stage} ({bar})"
STAGE_PRICE = " to {price}"
STAGE_AWAY = "{stage} {away} away{path}{price}"
FIGURE_NOT_KNOWN = "figure not known"

# -- danger, blindness and their end --

NO_LONGER_THERE = "Position no longer there, looked three times"
NO_LONGER_THERE_YET = "Position no longer there, not proven yet"
LIVE_ONE = "live {coins} price"
LIVE_MANY = "live {coins} prices"
SEEING_NOTHING = "{after}: no position"
SEEING_VALUE = "{after}: {value}"
NOTE_STILL = "still"
NOTE_UNANSWERED = "unanswered"
SEEN_AGO = "Seen {ago} ago: speaks up when worse"
WORSE_THAN_SEEN = "Worse than seen: was {value}"
NOTE_ESTIMATE = "ESTIMATE"
NOTE_NOT_SEEN = "not seen"
NOTE_UNCONFIRMED = "unconfirmed"
ESTIMATE = "ESTIMATE with {prices}: {value}"
CANNOT_SEE = "Cannot see: fills, transfers, liquidation"
GONE = "GONE"
LOOK_AT = "Look at {venue}: this cannot tell why"
BLIND = "BLIND"
NEVER_READ_YET = "Never read since start"
NEXT_WORD = "Next word {at}, at once if worse"
NOT_SEEN_FOR = "not seen for {since}"
NOT_SEEN_LAST = "{since}, last {value}"
SEEING_NOW = "Seeing now"
SEEING_AGAIN = "Seeing again after {since}"
SEEING = "SEEING"
SECURITY = "SECURITY"
TOLD = "Told: {reason}"
NOT_WATCHED_WITH_IT = "This account is NOT watched with it"
TOLD_DAILY = "Told again once a day"
NOBODY_ANSWERED = "Nobody answered for {since}"
HELD_DOUBTED = "Held: equity jumped, unexplained; until {at}"
HELD_UNKNOWN = "{tier} held: how far it is, is not known"
HELD_UNSEEN = "No position seen: {tier} held until that lasts"
HELD_UNSTABLE = "Unstable: holding {tier} longer"
HELD_BETTER = "Better: {tier} held until it lasts"
LIVE_PRICES = "live prices"
LAST_TRUE = "Last true reading {at}: {value}"
UNSEEN_FOR = "Not seen for {since}"
UNSEEN_UNTIL = ", until {until}"
MISSES_OF = "{reason}×{alike} of {misses}"
AT_WORST = ", at worst {tier}"
LASTED = "Lasted {since}{worst}"
FAULT_IN_WATCHER = "fault in watcher ({error})"
NO_ANSWER_IN = "no answer in {seconds:g} s"
NOTHING_BROUGHT = "nothing was brought"
ANSWER_OLD = "answer is {age_s} s old"
ANSWERS_APART = "answers lie {apart_s} s apart"

# -- several told as one, and late --

STILL_BLIND = "STILL BLIND"
FOLDED = "{count} messages could not be sent for up to {minutes} min"
FOLDED_LEFT = "the first {count} are left out"
GROUP_ALERTS = "{count} alerts of {accounts}"
NO_FIGURE_KNOWN = "no figure of this pool is known"
BUSY = "Too many answers at once, ask again in a minute"
SAID_LATE = "said {at}, {minutes} min late"

# -- what the checks find --

MODEL_DIFFERS = "MODEL DIFFERS"
MODEL_DIFFERS_BY = "Our model and {venue} differ by {apart}"
WORSE_COUNTS = "The worse of the two counts"
TABLE_DIFFERS = "TABLE DIFFERS"
TIERS_FOLLOW_VENUE = "Tiers follow {venue}'s own figures"
NO_TIER_CAN_FIRE = "NO TIER CAN FIRE for it"
NOT_COMPUTED = "NOT COMPUTED"
NOT_WATCHED = "NOT WATCHED"
NOT_COMPUTED_WHY = "Not computed here: {why}"
SEEN_ONCE = "Seen once, not confirmed"
VENUE_SAID_BEFORE = "{venue} said before: {flags}"
POSITION_WAS = "Was {symbol} {side} {was}, now {now}"
POSITION_IS_GONE = "gone"
DEBT_WAS = "Owed {was} {asset}, now {now}"
ASSET_WAS = "Held {was} {asset}, now {now}"
LOSSES_GONE = {"position": "POSITION GONE", "debt": "DEBT GONE", "asset": "COLLATERAL SOLD"}
LOSSES_SMALLER = {
    "position": "POSITION SMALLER",
    "debt": "DEBT SMALLER",
    "asset": "COLLATERAL SOLD",
}
LOSSES_STEPS = "In {count} steps since the last word of it"
LOSSES_BY_WHOM = {
    "position": "Closed by you, liquidated or deleveraged by {venue}?",
    "debt": "Repaid by you, or liquidated by {venue}?",
    "asset": "Sold by you, or by {venue} to cover a loss?",
}
THERE_AGAIN = "THERE AGAIN"
HELD_AGAIN = "{what} {was}: held as before"
OWED_AGAIN = "{what} {was}: owed as before"
THERE_AGAIN_SEEN = "The answer without it was wrong, or it was undone"
UNPAID = "Its gain or loss is not in the wallet"
JUMPED = "EQUITY JUMPED"
JUMPED_UNEXPLAINED = "No move of prices explains it"
JUMPED_BY_WHOM = "Moved by you, or a fault of {venue}?"
PRICE_DIFFERS = "PRICE DIFFERS"
PRICE_APART = "{coin} {ours} at {venue}, {other} elsewhere"
PRICE_STUCK = "{coin} has not moved there for {since}"
OFF_PEG = "OFF ITS PEG"
OFF_DOLLAR = "{asset} stands at {index} ({off} off its dollar)"
OFF_COIN = "{asset} is {off} off what it was, {was} {coin}"
OFF_PEG_FACT = "It counts for what the venue says it is worth"
LOOK = "Look at {venue}"
FIGURES = {
    "equity": "equity",
    "maintenance margin": "maintenance margin",
    "collateral value": "collateral value",
}
OPINIONS = "{figure} {ours} by us, {theirs} by {venue} ({asset})"
MISMATCH_BRACKETS = "{what} {figure} {ours} by our brackets, {theirs} by the venue"
MISMATCH_LISTED = "{what} {figure} {ours} in the list, {theirs} in the venue's total"
MISMATCH_WEIGHTS = "{what} {figure} {ours} by our weights, {theirs} by the venue"
OPINIONS_HEALTH = "Health {ours} by us, {theirs} by {venue}"
WHY_TABLE = "Likely an old table: {table}"
WHY_ORDERS = "Likely resting orders, which the venue counts in full"
WHY_FEE = "Likely the fee to close {symbol}, which is not known"
WHY_TIME = "Likely time: the answers lie {apart_s:.1f} s apart"
WHY_EQUITY = "Equity differs: likely a collateral weight, an index price, or orders"
WHY_MAINTENANCE = "Maintenance differs: likely an old bracket table, or orders"
WHY_RATIO = "Likely what resting orders would lose, which only the ratio counts"
WHY_UNKNOWN = "Equity and maintenance differ: a rule of this account we do not know"

# -- what a venue says, the mode, the key, the clock --

KEY_STRANGE = "This {venue} key is of another account"
KEY_STRANGE_REMEDY = "Meant so? Give the account a new name"
KEY_WITHDRAWS = "This {venue} key may withdraw funds"
KEY_WITHDRAWS_REMEDY = "Make a read-only key, delete this one"
# the first word of a flag, and what it means for the trader
FLAGS = {
    "MARGIN_CALL": "add margin or reduce",
    "SUPPLY_MARGIN": "add margin or reduce",
    "REDUCE_ONLY": "orders may only reduce",
    "ACTIVE_LIQUIDATION": "it is being liquidated",
    "PRE_LIQUIDATION": "it is about to be liquidated",
    "FORCE_LIQUIDATION": "it is being liquidated",
    "BANKRUPTED": "other wallets may be drawn on",
    "Liq": "it is being liquidated",
    "Adl": "it is being deleveraged",
    "isReduceOnly": "it may only get smaller",
    "twap": "others may be sold to repay it",
    "colBorrAutoConversion": "others may be sold to repay it",
}
RIGHTS = {"read": "read", "trade": "trade", "transfer": "transfer", "withdraw": "withdraw"}
VENUE_ACTS = "{venue} ACTS"
VENUE_WARNS = "{venue} WARNS"
POSITION_MOVED = "{symbol} {side} was {was}, now {now}"
KEY_ENDS_IN = "This {venue} key ends in {left}"
KEY_ENDS_NOW = "This {venue} key ends now"
CLOCK_BEHIND = "This machine is {seconds:.1f} s behind {venue}"
CLOCK_AHEAD = "This machine is {seconds:.1f} s ahead of {venue}"
MODE_WAS = "Was {modes}"
MODE_NOW = "Now {modes}"
TABLE_CHANGED = "TABLE CHANGED"
TABLE_OF = "{what}: the venue's table is another one"
TABLE_DISTANCE = "Distance {now}, by the old table {was}"
MODE_CHANGED = "MODE CHANGED"
NOT_BY_YOU_LOOK = "Not by you? Look at {venue}"
KEY_MAY_NOW = "May now {rights}"
KEY_MAY_NO_LONGER = "May no longer {rights}"
KEY_BOUND = "Now bound to addresses"
KEY_UNBOUND = "No longer bound to addresses"
KEY_EXPIRES_NOW = "Expires now {at}"
KEY_CHANGED = "KEY CHANGED"
KEY_OF = "This {venue} key:"
NOT_BY_YOU_DELETE = "Not by you? Delete it there"
KEY_EXPIRES = "KEY EXPIRES"
KEY_EXPIRES_ON = "On {at}"
KEY_RENEW = "Make a new one before: without it, BLIND"
KEY_NOT_BOUND = "KEY NOT BOUND"
KEY_NOT_BOUND_FACT = "This {venue} key works from any address"
KEY_BIND = "Bind it to this machine's"
KEY_LAPSES = "Unused for 14 days, OKX ends it"
CLOCK_OFF = "CLOCK OFF"
CLOCK_SET_NOW = "5 s off, exchanges refuse: set it NOW"
CLOCK_SET = "Set it, and keep it set by NTP"
CLOCK_MEANWHILE = "Requests are signed with its time meanwhile"
KEY_STRANGE_REASON = "account {now}, known is {was}"
KEY_EXPIRED = "the key expired on {at}"
