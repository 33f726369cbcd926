"""
What is said of money: top-ups asked for, by hand and made, what became of them, and why none is.
"""

from __future__ import annotations

from watcher.domain.alert import Measure
from watcher.domain.topup import Progress, Verb

# -- what a top-up is called, and how far it is --

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

# -- a top-up proposed, asked for, begun --

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

# -- a top-up by hand, as the apps name their menus; the last is any other venue's --

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

# -- what became of a top-up --

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

# -- where a top-up stands, for who pressed a button under it --

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

# -- why none is moved --

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

# -- none is moved although it is needed, and what a person can do --

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

# -- off, on, frozen, not written, settled by hand --

FROZEN = "MONEY FROZEN"
EVERY_ACCOUNT = "all accounts"
FROZEN_MEANS = "No top-up is made any more; alerts go on"
FROZEN_LOOK = "See: watcher ledger, and the venue's own history"
FROZEN_STRANGE = "{amount} was moved by watcher, this ledger knows not"
FROZEN_LEDGER = "the ledger was damaged and begun anew"
FROZEN_LOST = "{intent} is done here, the venue does not know it"
FROZEN_UNDO = "Then on the server, with what you found:"
TOP_UPS_OFF = "TOP-UPS OFF"
TOP_UPS_OFF_WATCHED_ONE = "The account is watched all the same"
TOP_UPS_OFF_WATCHED = "They are watched all the same"
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
UNFIT_BEGAN = "watcher was started under a clock {seconds} s off"
UNFIT_BEGAN_FIX = "The clock is right by now: restart watcher"
UNWRITTEN = "{amount} was asked for; the disk takes no note"
UNWRITTEN_LATER = "It is looked up when the disk works again"
UNWRITTEN_LOOK = "Until then look at the venue yourself"
SETTLED = "TOP-UP SETTLED"
SETTLED_AS = "{amount} is {progress} now"
SETTLED_BY_HAND = "By hand, on the server"
ARMED_AGAIN = "MONEY ARMED AGAIN"
ARMED_AGAIN_WHERE = " on the server"
