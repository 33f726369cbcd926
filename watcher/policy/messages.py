"""
The catalogue: every text a person reads in the chat, and nothing else. A translation is this file.

Rule: one constant is one text or one part of a row, with its fields in braces, as `str.format` has
them. A translation may move a field within its text, change the signs around it and say how many
digits it has; it may not drop one. What one and many are called are two texts (`..._ONE`). A text
is at most as wide as `lines.WIDTH_MAX` once it is filled. Commands (`/mute main 2h`) and the names
people give to accounts are not translated.

To add a text: a constant under its topic here, `say.NAME.format(...)` where it is filled, and
`wording.filled(say.NAME, value=Bold(...))` where a part of the row is marked. No other module of
policy, service or channels holds words; `tests/test_tidy.py` proves it.
"""

from __future__ import annotations

from watcher.domain.account import Side
from watcher.domain.alert import Measure, MissKind, Tier
from watcher.domain.topup import Progress, Verb

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

# -- the service itself --

WATCHING = "WATCHING"
WATCHING_FACT = "You hear of danger and of blindness"
NOBODY_WATCHED = "Nobody watched for {since}"
STILL_OPEN = "Still open: {codes}{more}"
NOTHING_OPEN = "No alert is open"
CODES_OVER = "Earlier codes are over; what stands is told anew"
WATCHING_AGAIN = "WATCHING AGAIN"
STOPPED = "STOPPED"
STOPPED_FACT = "NOBODY WATCHES until it is started"
RELOADED = "RELOADED"
SETTINGS_ONE = "{count} setting changed"
SETTINGS = "{count} settings changed"
HAS_CHANGED = "changed"
NOT_SET = "not set"
CHAT_LEFT = "THIS CHAT IS LEFT"
CHAT_LEFT_FACT = "By new settings alerts go elsewhere from now on"
SETTINGS_REFUSED = "NEW SETTINGS NOT TAKEN"
SETTINGS_STAY = "The old ones stay. What is wrong:"
SETTINGS_NOT_OPENED = "the service could not start with them: {error}"
TEST = "TEST"
TEST_FACT = "Alerts of watcher arrive here"
EXPIRED_BUTTON = "Expired or already used"
REFUSED_PRESS = "NOT done: you may only read, or the button has expired"
ALREADY_DONE = "Already done"
NOT_KEPT = "It could not be written down: a restart forgets it"
ACCOUNTS_NAMED = "Accounts: {names}{more}"
SINCE = "Since {at}"
AT = "At {at}"
TROUBLE_MEMORY = "Alerts go on from memory"
TROUBLE_RESTART = "A restart now forgets what was told"
TROUBLE_FORGOT = "the memory of watcher"
TROUBLE_STORE = "cannot write to disk"
TROUBLE_KEPT = "What was told meanwhile is kept too"
TROUBLE_STORE_OVER = "disk works again"
TROUBLE_LOOK = "{account}: look at it yourself"
TROUBLE_FAULT = "A fault in watcher itself ({error})"
TROUBLE_LOG = "The log has the trace; other accounts go on"
TROUBLE_ROAD = "{road} takes no messages"
TROUBLE_ROAD_SAYS = "It says: {reason}"
TROUBLE_ROAD_LOOK = "Put it right, then `watcher send-test --all`"
TROUBLE_NOT_JUDGED = "account not judged"
TROUBLE_STALL = "stood still"
TROUBLE_STALL_SPAN = "For {span} nothing was seen or sent"
TROUBLE_STALL_WHY = "The machine slept, or is short of CPU or memory"
TROUBLE_CANARY = "self-test failed"
TROUBLE_CANARY_UNHEARD = "A made-up account fell to liquidation and no alert came"
TROUBLE_CANARY_UNSENT = "The pinned message was not renewed for 15 min"
TROUBLE_CANARY_LOOK = "Look at your accounts yourself: alerts may not come"
TROUBLE_CRASHING = "safe mode"
TROUBLE_CRASHED = "watcher died {count} times within 5 min"
TROUBLE_CRASH_MONEY = "No money is moved; alerts go on"
TROUBLE_CRASH_POLLS = "Accounts are read every 15 s"
TROUBLE_CRASH_END = "Ends 10 min after the last, or when you restart it"
TROUBLE_LOOK_LOG = "The log says why"
TROUBLE_STABLE = "safe mode is over"
TROUBLE_STABLE_FACT = "10 min without a crash: all is as before"
TROUBLE_PING = "pings do not arrive"
TROUBLE_PING_MEANS = "If this program dies now, nobody notices"
TROUBLE_PING_OVER = "pings arrive again"

# -- the guard at the bot's door --

TOO_FAST = "Too many at once: wait a minute"
COMMANDS_OFF = "Off while another program uses this bot's token"
NOT_DONE = "This could not be done; the log says why"
RIVAL_POLLS = "another program reads this bot's messages"
RIVAL_HOOKED = "somebody had this bot's messages sent to an address of theirs"
DENIED = "🔒 {title} {messages} to the bot from outside its list"
DENIED_FACT = "None was answered; told once an hour at most"
RIVAL_FACT = "Alerts go on; commands and buttons are off until it stops, /kill and /pause are not"
RIVAL_REMEDY = (
    "Yours: stop the other program. Not yours: /revoke the token at @BotFather, set the new"
)

# -- buttons --

BUTTON_ACK = "Ack"
BUTTON_MUTE = "Mute 1 h"
BUTTON_DETAILS = "Details"
BUTTON_CHART = "Chart"
BUTTON_HEARD = "I heard it"

# -- orders: seen, mute, pause, kill --

NOT_OPEN = "#{code} is not open; open: {codes}"
NOT_OPEN_NOTHING = "#{code} is not open; nothing is open"
ORDER_HEARD_BEFORE = "This order was heard before; nothing is done twice"
MUTE_NEEDS = "A mute needs an account or pool, and its end"
UNMUTE_NEEDS = "Say what is to be heard again"
PAUSE_NEEDS = "A pause needs its length, 30 d at most"
MONEY_PAUSED = "Money paused until {until}: none is moved; alerts go on"
MONEY_KILLED = "KILLED: no money is moved any more; alerts go on. Only the server can undo this"
MONEY_UNKNOWN = "Money: not known, the store cannot be read"
MONEY_FROZEN = "Money FROZEN: {reason}"
MONEY_KILLED_BY = "Money KILLED by {who} at {at}"
MONEY_PAUSED_UNTIL = "Money paused until {until}"
NO_LONGER_WATCHED = "{account} is not watched any more"
NOTHING_UNSEEN = "Nothing is open that nobody has seen"
WHICH_ONE = "Which one? /ack with its code: {codes}{more}"
NOT_OPEN_ON = "{code} is not open on {account}"
WORSE_BY_NOW = "{code} is {tier} by now: that is not seen yet"
SEEN = "Seen: {code} {tier}, {next}"
SEEN_NEXT_WORD = "next word in {since} or when worse"
MUTE_NOT_THIS = "{tier} cannot be muted, only acked; nothing is muted"
MUTE_TOO_LONG = "A mute lasts up to 24 h; nothing is muted"
MUTE_NO_POOL = "No pool {pool} in {account}; there is: {known}"
MUTED = "Muted up to {tier} for {since}: {scope}"
MUTED_GOES_ON = ", which is {tier} and goes on"
UNMUTED_NOTHING = "Nothing was muted: {scope}"
UNMUTED = "Not muted any more: {scope}"

# -- commands nobody can read, and /help --

PRESS_FAILED = "The store cannot be read: say it as a command, /help"
COMMAND_LATE = "Your command came {age_s} s late and was not run: ask again"
ORDER_FAILED = "/{command} was NOT done: the store failed; try again"
ANSWER_FAILED = "This answer could not be made; the log says why. Alerts go on."
UNKNOWN = "No {kind} {name}"
UNKNOWN_NEAREST = "No {kind} {name}; nearest: {known}"
UNKNOWN_KNOWN = "No {kind} {name}; there is: {known}"
KIND_ACCOUNT = "account"
WHICH_ACCOUNT = "Which account's {name}? It is in {accounts}"
KIND_SCOPE = "account or pool"
HELP_TITLE = "watcher"
HELP_STATUS = "/status  every account, worst first"
HELP_POSITIONS = "/positions main  what kills it"
HELP_WHATIF = "/whatif BTC -10%  or: add 500 USDT"
HELP_CHART = "/chart main 24h  its last day"
HELP_ALERTS = "/alerts  open, muted, tier lines"
HELP_CODE = "#K7F3·2  incident K7F3, its 2nd word"
HELP_HEALTH = "health 1.00x is liquidation, everywhere"
DID_YOU_MEAN = "Did you mean {form}"
ALL_THERE_IS = "All there is: /help"
NOT_A_COMMAND = "Not known: {word}"
NO_COMMAND = "A slash alone is no command"
FOR_OPERATORS = "/{word} is for operators; you may read: /help"
LIKE_THIS = "{problem}; like this: {form}"
HELP_READER = "  you may read"
HELP_ACK = "/ack K7F3  seen; louder again if worse"
HELP_MUTE = "/mute main 2h  silence, /unmute main"
HELP_PAUSE = "/pause 2h, /kill  money stands still"

# -- /status, /positions and /alerts --

NOBODY_HAS_SEEN = "nobody has seen it"
SEEN_BY = "seen by {who} {since} ago"
OPEN_FOR = "   {tier} for {since}, {seen}"
MUTED_LINE = "🔇 {account}{pool} up to {tier}, {left} left"
AND_OTHER_LINES = "and {count} other sets of lines"
TIERS_BEGIN = "Tiers begin under"
ONE_ACCOUNT = "; one account: /positions {account}"
NO_ACCOUNT = "No account is watched"
ALERTS_HEAD = "{at} · {open} open, {muted} muted"
ACCOUNT_HEAD = "{account} · {age}"
ACCOUNT_HEAD_BLIND = "{account} · BLIND, {age}"
NEVER_READ = "⚫ {account} never read since start"
BLIND_FOR = "BLIND {age}"
MARK = "mark {price}"
HOLDS = "• {asset} holds {amount}"
HOLDS_AND_OWES = "• {asset} holds {amount}, owes {owed}"
STATUS_NONE = "{at} · no account is watched"
STATUS_OLDEST = ", oldest {age}"
STATUS_HEAD = "{at} · {seen} of {count} seen{oldest}"
NEVER_READ_PAGE = "{account} · never read since start"
NO_POSITION_AT_ALL = "No position"
STATUS_LAST = "   last {value} at {at}"
NOT_COMPUTED_SHORT = "not computed"
NOT_KNOWN = "not known"
HELD_UNTIL_PROVEN = "held until proven gone"
HELD = "held"
STATUS_LEVEL = "{level} ({bars}liq {end})"
STATUS_RATE = "{minus}{rate:.1f} %/min"
STATUS_ALONE = "{coin} alone {price}"
STATUS_UNSEEN = ", {count} of them not seen"
STATUS_ALL_CALM = "all calm"
STATUS_NONE_WORSE = "none worse than {tier}"
STATUS_MORE = "and {count} more, {how}{also}"
STATUS_EQUITY = "Equity in all {amount} USD"
CONTRACTS = "contracts"
POSITION_LIQUIDATION = "   liquidation {price} ({away})"

# -- /whatif --

WHATIF_TIER_STILL = "  {mark} {tier} still"
WHATIF_LATER = ", once it held"
WHATIF_ADD_NEEDS = "add needs an amount and a coin, once"
WHATIF_ADD_ABOVE = "add needs an amount above 0"
WHATIF_NEEDS = "{name} needs a move or a price"
WHATIF_TWICE = "{coin} is named twice"
WHATIF_WHAT = "Say what moves"
WHATIF_NOTHING_READ = "No account was read since start: nothing to reckon with"
KIND_COIN = "coin"
WHATIF_WHICH_ACCOUNT = "Say which account the money goes to"
WHATIF_HEAD = "What if {asked}"
WHATIF_NOT_RECKONED = "Not to be reckoned: {why}"
WHATIF_ONLY_VENUE = "  not known: only {venue} can reckon it"
WHATIF_ON_THE_WAY = "  {liquidated} on the way · now {now}"
LIQUIDATED = "LIQUIDATED"
WHATIF_DISTANCE = "  distance {was} → {then}"
WHATIF_LEVEL = "  level {was} → {then}"
WHATIF_HEALTH = "  health {was} → {then}"
WHATIF_FAR_OFF = "{coin} is at {now}, {meant} is over ten times off; a move takes a %"
KIND_TAKER = "pool that takes"
WHATIF_MORE = "{amount} {asset} more"
WHATIF_AND_MORE = "{shown} and more"
WHATIF_CUT = "more: /whatif with the account's name"
WHATIF_CUT_MORE = "and {count} more: /whatif with the account's name"
WHATIF_TOO_MUCH = "{coin} can move by more than -100% and up to +1000%"
WHATIF_PERCENT = "Is {asked} meant in percent?"
WHATIF_ABOVE = "{coin} needs a price above 0"
WHATIF_NO_NUMBER = "{name} is no number"

# -- charts --

CHART_SPANS = "A chart spans 5 min to 30 d"
PICTURE_BELOW = "{what} of {account} below"
DRAWING_ALREADY = "Another chart is being drawn: ask again in a moment"
DRAWING_FAILED = "The chart could not be drawn; the log says why. Alerts go on"
CHART_DISTANCE = "distance to liquidation, %"
CHART_LEVEL = "margin level, %"
CHART_HEALTH = "health, 1.00x is liquidation"
CHART_LIQUIDATION = "liquidation {price}"
CHART_PRICE = "{coin} price"
CHART_TIME = "{zone} time, to {at}"
CHART_EVENTS = "▲ tier changed"
CHART_GAPS = "grey: not seen"
CHART_GUESSES = "dashed: estimated"
CHART_HEAD = "{account}{label} · last {span}"
CHART_NOW = "Now {now}, lowest {low}"
CHART_NOTHING = "{account}: no history in the last {span}, nothing to draw"

# -- the digest of a day, and the proof of life --

BLIND_IN_GAPS = "blind {total} in {gaps}"
DAY_TOLD = "Told: {count}{reached}"
DAY_QUIET = "Without sound in the quiet hours: {count}"
PROOF_LAST_READ = "⚫ {account} NOT SEEN, last read {since} ago"
PROOF_NEVER_READ = "⚫ {account} NOT SEEN, never read"
PROOF_CHECK = "Last complete check {at}"
PROOF_NO_CHECK = "No complete check yet"
PROOF_HEAD = "🫀 {check}, {count}"
PROOF_ACCOUNTS = "{seen}/{count} accounts"
NO_PING = "NOBODY WILL NOTICE IF THIS PROGRAM DIES: no external ping is configured"
DAY_ROADS = "Roads: {roads}"
CANARY_PASSED = "Self-test {at}: passed"
CANARY_FAILED = "Self-test {at}: FAILED"
PROOF_MORE = "and {count} more are not seen"
PROOF_MEANS = "Where this is over 10 min old, nobody watches"
DAY_HEAD = "📋 {title} until {at} · {seen} of {count} seen now"
DAY = "DAY"
DAY_NO_HISTORY = "its history could not be read"
DAY_WORST = "worst {tier}"
DAY_NEAREST = "nearest {value}"
DAY_NO_READING = "no reading"
DAY_NOT_SEEN = "NOT SEEN NOW"
DAY_NO_GAP = "no gap"
DAY_MUTE = "{account}{pool} up to {tier} until {until}"
DAY_ACKS = "Acks open: {acks}"
DAY_MUTES = "Mutes: {mutes}"
DAY_NOTHING_KNOWN = "Told: not known, the outbox could not be read"
DAY_LOST = ", {count} of them not delivered"
DAY_ALL_DELIVERED = ", all delivered"

# -- tests of roads, and what will not wake --

PROVEN = "proven {since} ago"
PROVEN_TOO_LONG = "proven {since} ago, too long"
ASLEEP_UNPROVEN = "the fallback was {proven}; prove it with `watcher send-test --all`"
ONLY_TESTS = "Not done: only a test runs here. Start `watcher run` first"
NOT_A_TEST = "No test of that code waits for an answer"
TEST_SECOND = "What nobody answers in the first chat arrives here"
TEST_FALLBACK = "Alerts arrive here when Telegram fails or nobody answers"
TEST_WRITE = "Heard it? Write in Telegram: /heard {code}"
TEST_PRESS = "Press the button when you hear it, or write /heard {code}"
HEARD_AFTER = "Heard after {since}: {road} is proven"
NEVER_PROVEN = "never proven"
ASLEEP_NO_FALLBACK = (
    "no fallback is configured, and Telegram does not break a phone's do-not-disturb"
)
ASLEEP = "nothing here will wake you: {why}"

# -- drills, the plan of tiers, and lines that cannot fire --

DRILL_MARK = "DRILL · "
DRILL_CALL = "{mark}{test}: get up as if this were an emergency"
DRILL_OVER = "over: it went as far as {worst}. Nothing real was touched"
DRILL_WIDE = "critical is at {line} now, which is wide enough"
DRILL_NARROW = "critical is at {line} now, which is TOO NARROW"
DRILL_SPAN_HOURS = "{hours:.1f} hours"
DRILL_SPAN_SHORT = "{hours:.1f} hours, too short to rely on"
PLAN_ALL_FALLS = "everything falls {percent}: {prices}"
PLAN_ALL_RISES = "everything rises {percent}: {prices}"
PLAN_ONE_FALLS = "{coin} alone falls {percent}: {prices}"
PLAN_ONE_RISES = "{coin} alone rises {percent}: {prices}"
DRILL_NOT_REAL = "This was a drill: nothing real was changed"
DRILL_AS_IT_STANDS = "as it stands"
DRILL_NEED = "you need {time}"
DRILL_NO_HISTORY = "{need}; no history of this book is recorded yet, so no line follows from it"
DRILL_MOVED = (
    "{need}; your book moved {move} in that time at worst in the "
    "recorded history ({span}): critical at {line} or wider"
)
DRILL_SPAN_DAYS = "{days:.0f} days"
PLAN_NO_MEASURE = "no measure is known, no tier can fire"
PLAN_NO_POSITION = "no position, nothing to lose"
PLAN_UNDER = "{tier} under {at} (now {now})"
PLAN_REACHED = "{tier} reached (now {now})"
PLAN_IF = "{tier} if {move}"
REHEARSAL_ORDER = "{measure}: tiers fire out of order on a sample book: {order}"
REHEARSAL_CANNOT = "{measure}: {tier} at {value} cannot fire"
REHEARSAL_END = "{start}: liquidation comes first, at {end}"
REHEARSAL_COVERED = "{start}: {tier} at {value} comes first; put it above that"
REHEARSAL_BELOW = "{start} on a sample {family} book: every account is below it from the start"

# -- money: what a top-up is called, and how far it is --

TOP_UP = "TOP-UP"
TOP_UP_STATES = {
    Progress.PROPOSED: "proposed",
    Progress.APPROVED: "approved",
    Progress.SENDING: "sending",
    Progress.ACCEPTED: "accepted",
    Progress.UNKNOWN: "unknown",
    Progress.HUMAN: "human",
    Progress.DONE: "done",
    Progress.REJECTED: "rejected",
    Progress.ABSENT: "absent",
    Progress.EXPIRED: "expired",
    Progress.DENIED: "denied",
    Progress.CANCELLED: "cancelled",
}
DEED_DO = {Verb.MOVE: "Move", Verb.ADD_MARGIN: "Add", Verb.REPAY: "Repay"}
DEED_DOING = {Verb.MOVE: "Moving", Verb.ADD_MARGIN: "Adding", Verb.REPAY: "Repaying"}
DEED_DONE = {Verb.MOVE: "Moved", Verb.ADD_MARGIN: "Added", Verb.REPAY: "Repaid"}
DEED_WOULD = {Verb.MOVE: "Would move", Verb.ADD_MARGIN: "Would add", Verb.REPAY: "Would repay"}
OWED_IN = "owed in {pool}"
MEASURES = {
    Measure.DISTANCE: "distance",
    Measure.MARGIN_LEVEL: "margin level",
    Measure.HEALTH: "health",
}

# -- money: a top-up proposed, asked for, begun --

TOP_UP_READ = "Read {age} ago"
TOP_UP_THEN = "Then about {then}, now {now}"
TOP_UP_STOPPED = "Not to {target}: stopped by {by}"
STOP_EVENT = "the cap of one top-up"
STOP_DAY = "the cap of 24 hours"
STOP_WEEK = "the cap of 7 days"
STOP_FLOOR = "what the source must keep"
STOP_CEILING = "what was approved"
STOP_SOURCE_POOL = "what its own pool needs"
STOP_OUT_OF_REACH = "all there is to repay"
CAPS_LEFT = "Caps left: day {day}, week {week} {unit}, {count} more a day"
TOP_UP_DRY_RUN = "TOP-UP, DRY RUN"
TOP_UP_DRY_RUN_END = "Nothing was sent: the mode is dry_run"
TOP_UP_PLEASE = {
    Verb.MOVE: "PLEASE MOVE",
    Verb.ADD_MARGIN: "PLEASE ADD",
    Verb.REPAY: "PLEASE REPAY",
}
TOP_UP_DOUBT = "Our figures and {venue}'s differ"
TOP_UP_TOLD_LATER = "It is told when it arrives"
TOP_UP_ASK = "APPROVE?"
SOURCE_AFTER = "{source} then holds {amount}"
TOP_UP_BRAKED = "Asked because three were made in this incident"
TOP_UP_CEILING = "Never more than this; worked out anew on a tap"
TOP_UP_UNTIL = "Until {at}; no answer is a no"
TOP_UP_ALERTS_GO_ON = "Alerts go on as they are"
BUTTON_APPROVE = "Approve {amount}"
BUTTON_DENY = "Deny"
BUTTON_KILL = "Kill money"

# -- money: a top-up by hand, as the apps name their menus; the last is any other venue's --

MENU_TRANSFER = {
    "binance": "Assets > Transfer",
    "bybit": "Assets > Transfer",
    "okx": "Assets > Transfer",
    "": "Transfer",
}
MENU_POSITIONS = {
    "binance": "Futures > Positions",
    "bybit": "Derivatives > Positions",
    "okx": "Trade > Positions",
    "": "Positions",
}
MENU_MARGIN = {
    "binance": "Assets > Margin > Cross",
    "bybit": "Assets > Unified Trading",
    "okx": "Assets > Trading",
    "": "Margin",
}
MENU_PAIR = "Assets > Margin > Isolated > {pair}"
WALLETS = {
    ("binance", "spot"): "Spot",
    ("binance", "funding"): "Funding",
    ("binance", "margin"): "Cross Margin",
    ("binance", "cross"): "USDⓈ-M Futures",
    ("binance", "coin"): "COIN-M Futures",
    ("bybit", "funding"): "Funding",
    ("bybit", "unified"): "Unified Trading",
    ("okx", "funding"): "Funding",
    ("okx", "unified"): "Trading",
    ("okx", "cross"): "Trading",
}
APP_OPEN = "{venue} app: {menu}"
APP_OPEN_POSITION = "{venue} app: {menu} > {symbol} {side}"
APP_OPEN_REPAY = "{venue} app: {menu} > {asset} > Repay"
APP_FROM_TO = "From {source} to {destination}"
APP_ADD_MARGIN = "Margin > Add"
APP_NO_CONVERSION = "No conversion"
APP_AMOUNT = "{asset}, amount {amount}"

# -- money: what became of a top-up --

TOP_UP_APPROVED = "APPROVED"
TOP_UP_SENT = "TOP-UP SENT"
TOP_UP_TAKEN = "{venue} took it, {at}"
TOP_UP_TAKEN_AS = "{venue} took it as {id}, {at}"
TOP_UP_NOT_PROVEN = "Not proven yet"
TOP_UP_DONE = "TOP-UP DONE"
TOP_UP_NOW = "Now {value}"
TOP_UP_NOW_WAS = "Now {value}, was {was}"
TOP_UP_NOT_READ = "What it is now was not read yet"
TOP_UP_PROVEN = "Proven by {venue}'s own books, {at}"
TOP_UP_NOT_KNOWN = "TOP-UP NOT KNOWN"
TOP_UP_MAY_HAVE = "It may have happened, or not"
TOP_UP_SENT_AT = "Sent {at}"
TOP_UP_LOOKED_UP = "It is looked up; counted as sent until proven"
TOP_UP_NOT_BY_HAND = "Do not make the same by hand meanwhile"
LOOK_YOURSELF = "LOOK YOURSELF"
NOBODY_CAN_TELL = "Nobody here can tell whether it happened"
LOOK_INTO = {
    Verb.MOVE: "Look at the transfer history in {venue}, {at}",
    Verb.ADD_MARGIN: "Look at the position's margin history in {venue}, {at}",
    Verb.REPAY: "Look at the repayment history in {venue}, {at}",
}
LOOK_THEN = "Then on the server, one of the two:"
LOOK_UNTIL_THEN = "Until then nothing else leaves {source}"
TOP_UP_REFUSED = "TOP-UP REFUSED"
TOP_UP_NOT_DONE = "{venue} did not do it"
DANGER_STANDS = "The danger stands"
TOP_UP_ABSENT = "TOP-UP ABSENT"
TOP_UP_NO_SUCH = "{venue} knows of no such request, {at}"
TOP_UP_COUNTS = "It counts against the caps all the same"
TOP_UP_EXPIRED = "EXPIRED"
TOP_UP_NOT_ARRIVED = "It was not seen to arrive"
TOP_UP_UNANSWERED = "Nobody answered: nothing was sent"
TOP_UP_DENIED = "DENIED"
TOP_UP_DENIED_MEANS = "Nothing was sent; the danger stands"
TOP_UP_CANCELLED = "NOT SENT"
NOTHING_SENT = "Nothing was sent"
TOP_UP_ARRIVED = "ARRIVED"
TOP_UP_CAME = "{came} of {asked} arrived"
TOP_UP_ASKED_AGAIN = "Asked again if it is not enough"

# -- money: where a top-up stands, for who pressed a button under it --

STANDING = {
    Progress.PROPOSED: "Heard: it is sent on the next fresh reading",
    Progress.APPROVED: "Approved, not sent yet",
    Progress.SENDING: "Being sent",
    Progress.ACCEPTED: "Sent, not proven yet",
    Progress.UNKNOWN: "Sent, nobody knows yet whether it happened",
    Progress.HUMAN: "Sent, a person must look whether it happened",
    Progress.DONE: "Done",
    Progress.REJECTED: "Refused",
    Progress.ABSENT: "The venue does not know it",
    Progress.EXPIRED: "Its time is over, nothing was sent",
    Progress.DENIED: "Denied, nothing was sent",
    Progress.CANCELLED: "Nothing was sent",
}
STANDING_WITH = "{plain}: {more}"
STANDING_GONE = "Not known any more"
NO_TOP_UPS_ANY_MORE = "No top-ups on {account} any more"
DECISION_FAILED = "The store failed: nothing is sent"

# -- money: why none is moved --

HELD_OFF = "top-ups are off"
HELD_NO_CAPS = "no caps are set"
HELD_KILLED_BY_FILE = "money is killed by its file in the state directory"
# what the ledger calls an order about money, and what people call it
MONEY_FLAGS = {
    "money_paused": "money paused",
    "money_killed": "money killed",
    "money_frozen": "money frozen",
}
HELD_FOR_A_TIME = "{flag}, for a time"
HELD_NO_POOL = "no pool that may be topped up is there"
HELD_WAY_GONE = "this way is no longer in the configuration"
HELD_NOT_ALLOWED = "the configuration no longer lets it"
HELD_UNSEEN_NOW = "the account is not seen now"
HELD_SUSPECT = "its figures are in doubt, or were just now"
HELD_ESTIMATE = "these figures are an estimate, not a reading"
HELD_NOT_COMPUTED = "the pool is not computed here: {why}"
HELD_STALE = "the reading is older than 10 s"
HELD_NOT_KNOWN = "{measure} of the pool is not known"
HELD_NOT_REACHED = "the trigger is not reached"
HELD_SEEN_ONCE = "seen in one reading only"
HELD_TOO_SOON = "the last one was less than {wait} ago"
HELD_CAME_TO_NOTHING = "{intent} came to nothing"
HELD_BUSY = "{intent} is {progress}, one at a time"
HELD_SOURCE_BUSY = "another one is open on its source"
HELD_COUNT = "{count} in the last 24 hours already"
HELD_EVENT = "more than one top-up may move"
HELD_DAY = "the cap of 24 hours is used up"
HELD_WEEK = "the cap of 7 days is used up"
HELD_FLOOR = "the source must keep what it has"
HELD_FLOOR_OF = "the source must keep {keep}"
HELD_CEILING = "its amount is above what was approved"
HELD_SOURCE_POOL = "the pool it would come from needs it"
HELD_NO_BALANCE = "what {source} holds is not known from two readings"
HELD_NO_PRICE = "{asset} has no price to count it by"
SOMETHING_MOVED = "something that was moved"
HELD_NO_STEP = "the venue's smallest amount is not known"
HELD_OUT_OF_REACH = "no amount of {asset} reaches the target"
HELD_NOTHING_NEEDED = "nothing is needed to reach the target"
HELD_GAIN_UNKNOWN = "what it would bring is not known"
HELD_SLIGHT = "what may be moved would not help enough"
HELD_BURNING = "less than 1 % from liquidation even afterwards"
HELD_UP = "held up before sending"
STOPPED_SENDING = "stopped while sending"
HELD_CLOCK = "our clock and the venue's are far apart"
ENDED_ARRIVED = "it arrived"
ENDED_LESS_ARRIVED = "less arrived"
ENDED_DRY_RUN = "dry run"
ENDED_LATE = "it could not be sent in time"
ENDED_UNANSWERED = "nobody answered in time"
ENDED_NOT_NEEDED = "not needed any more"
ENDED_MODE = "the mode is not one that sends"
HELD_BOOKS_UNREAD = "the venue's own books cannot be read"

# -- money: none is moved although it is needed, and what a person can do --

NO_TOP_UP = "NO TOP-UP"
NO_TOP_UP_NEEDED = "{pool}: {now}, and the trigger is {trigger}"
NO_TOP_UP_NEEDED_UNKNOWN = "{pool}: {measure} not known, its alert is {tier}"
NO_TOP_UP_BECAUSE = "Why: {reason}"
NO_TOP_UP_BY_HAND = "Help by hand; its alert says how much"
NO_TOP_UP_STATUS = "To see what holds it, and to let it go, on the server:"
NO_TOP_UP_FILE = "To let it go, remove the file money.kill there"
NO_TOP_UP_MEND = "Mend that, or help by hand"
NO_TOP_UP_LOOK = "Look in the app of {venue}; help by hand if it is so"
NO_TOP_UP_CHECK = "On the server, this says which pools there are:"
NO_TOP_UP_UNSETTLED = "Settle it: see the venue's history, then the server:"
NO_TOP_UP_WAIT = "If it cannot wait so long, help by hand"
NO_TOP_UP_CAP = "Help by hand, or raise {cap}"
NO_TOP_UP_FLOOR = "Help by hand, or bring more to where it comes from"
NO_TOP_UP_CLOSE = "Closing some of the position may be all that helps"

# -- money: off, on, frozen, not written, settled by hand --

FROZEN = "MONEY FROZEN"
EVERY_ACCOUNT = "all accounts"
FROZEN_MEANS = "No top-up is made any more; alerts go on"
FROZEN_LOOK = "See: watcher ledger, and the venue's own history"
FROZEN_STRANGE = "{amount} was moved by watcher, this ledger knows not"
FROZEN_LEDGER = "the ledger was damaged and begun anew"
FROZEN_LOST = "{intent} is done here, the venue does not know it"
FROZEN_UNDO = "Then on the server, with what you found:"
TOP_UPS_OFF = "TOP-UPS OFF"
TOP_UPS_OFF_WATCHED = "The account is watched all the same"
TOP_UPS_ON = "TOP-UPS ON"
UNFIT_OWNER = "the key for money is of another account than the one watched"
UNFIT_OWNER_FIX = "Make one of the account that is watched"
UNFIT_WITHDRAWS = "the key may withdraw"
UNFIT_PERHAPS_WITHDRAWS = "the key may perhaps withdraw: not told"
UNFIT_WITHDRAWS_FIX = "Make one without withdrawals, delete this one"
UNFIT_UNBOUND = "the key works from any address"
UNFIT_UNBOUND_FIX = "Bind it to this server's address at the venue"
UNFIT_NO_TRANSFER = "the key may not transfer"
UNFIT_NO_TRANSFER_FIX = "Give it that right, or use the mode request"
UNFIT_NO_TRADE = "add_margin and repay need the right to trade"
UNFIT_NO_TRADE_FIX = "Give it that right, or leave out these verbs"
UNFIT_NO_CAPS = "caps are missing"
UNFIT_NO_CAPS_FIX = "Set max_per_event, max_per_day, keep_in_source"
UNFIT_OVER_HALF = "max_per_day {cap:f} {unit} is over half of the {held:f} there"
UNFIT_OVER_HALF_FIX = "Lower it, or set accept_more_than_half"
UNFIT_CLOCK = "our clock and the venue's are {seconds} s apart"
UNFIT_CLOCK_FIX = "Set the clock of the server"
UNWRITTEN = "{amount} was asked for; the disk takes no note"
UNWRITTEN_LATER = "It is looked up when the disk works again"
UNWRITTEN_LOOK = "Until then look at the venue yourself"
SETTLED = "TOP-UP SETTLED"
SETTLED_AS = "{amount} is {progress} now"
SETTLED_BY_HAND = "By hand, on the server"
ARMED_AGAIN = "MONEY ARMED AGAIN"
ARMED_AGAIN_WHERE = " on the server"
