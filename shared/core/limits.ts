/**
 * Every limit of the system: the number, its unit in the name, and one line of reason. `infra` imports this
 * file too, so a timeout and the batch that must fit in it cannot drift apart.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** One SHARD item holds 64 batches: its packed counts stay well under DynamoDB's 1 KB write unit times four. */
export const SHARD_BATCHES = 64;
/** A batch is small enough to be read, mapped and held by a loader of 256 MB several times over. */
export const BATCH_BYTES_MAX = 4 * MIB;
/** A batch this small costs more in messages and writes than in rows. */
export const BATCH_BYTES_MIN = 64 * KIB;
/** A batch takes seconds at the account's rate, so an interruption loses little and loaders stay short. */
export const BATCH_SECONDS_AIM = 20;
/** Where every request takes a receive of its own, a batch has so few that a thousand receives are far away. */
export const BATCH_REQUESTS_MAX_SPARSE = 50;
/** A run of at most this many batches travels on the express lane, past any first sync. */
export const EXPRESS_BATCHES_MAX = 4;
/** Redshift's own row limit for the paged way is 64 KB; the same cap for both ways keeps them equal. */
export const STAGE_LINE_BYTES_MAX = 60_000;
/** Row keys travel through SQL, S3 and logs of counts; longer ones are a mistake in the model. */
export const ROW_KEY_CHARACTERS_MAX = 512;

/** SQS: at most ten entries in one batch call. */
export const SQS_BATCH_ENTRIES_MAX = 10;
/** SQS: a message's visibility may be extended to twelve hours after its receipt. */
export const VISIBILITY_MS_MAX = 12 * HOUR_MS;
/** AWS: a queue's visibility timeout is at least six times the timeout of the function that it feeds. */
export const VISIBILITY_PER_TIMEOUT = 6;
/** Receives are not crashes: throttles and interruptions count too, so the queue's own limit is far away. */
export const RECEIVES_MAX = 1000;
/** Longest retention that SQS offers; a run is fenced long before. */
export const QUEUE_RETENTION_MS = 14 * DAY_MS;
/** A row deferred this often without a throttle or a transport fault is rejected, `no_answer`. */
export const DEFERRALS_MAX = 5;
/** Runs that try a rejected key again before it is quarantined. */
export const ATTEMPTS_MAX = 5;

/** No settle for this long outside an open breaker: the run is fenced. */
export const RUN_STALL_MS = 30 * MINUTE_MS;
/** Hard cap of a run, under the queues' retention. */
export const RUN_MS_MAX = 10 * DAY_MS;
/** A held run waits this long for an approval; its stage outlives it. */
export const HOLD_MS_MAX = 7 * DAY_MS;
/** Objects of a run expire: later than the longest extraction, hold and run together, or the queues' retention. */
export const RUN_OBJECTS_DAYS = 30;
/** A failure set that a later run superseded expires at this age: time enough to ask what was wrong last week. */
export const SUPERSEDED_DAYS = 30;
/** A flip looks so many runs back for failure sets to mark as superseded: those of runs that failed since the last flip. */
export const SUPERSEDED_RUNS_MAX = 32;
/** Marks under way at once; S3 takes thousands a second. */
export const SUPERSEDED_IN_FLIGHT = 16;

/** A loader reserves at most this much sending time at once, so budget writes stay at one per second. */
export const RESERVATION_MS_MAX = 1 * SECOND_MS;
/** The watch says of each sync so often when it last committed, so that one which is silent for days is seen among the others. */
export const FRESHNESS_TOLD_MS = HOUR_MS;
/** Beyond the horizon a message is handed back: nobody sleeps on the bill. */
export const BULK_HORIZON_MS = 2 * SECOND_MS;
export const EXPRESS_HORIZON_MS = 10 * SECOND_MS;
/** Share of a vendor's limit that we use. */
export const RATE_SHARE = 0.98;
/** How much longer one request may be under way than another: a new connection, a busy laptop. The pace allows for it. */
export const TRANSIT_JITTER_MS = 15;
/** A slot used later than this share of the vendor's window is void, or two windows could add up. */
export const SLOT_LATENESS_SHARE = 0.012;
/** A hostile Retry-After is clamped. */
export const RETRY_AFTER_MS_MAX = 24 * HOUR_MS;
/** Breaker: first and longest time open, doubling in between. */
export const BREAKER_OPEN_MS_MIN = 1 * MINUTE_MS;
export const BREAKER_OPEN_MS_MAX = 15 * MINUTE_MS;
/** Consecutive transport or auth faults that open it. */
export const BREAKER_FAULTS = 5;
/** Failure storm: this share of at least this many fresh rows rejected stops the sync. */
export const STORM_SHARE = 0.2;
export const STORM_ROWS_MIN = 1000;

/** Rows in one request, whatever an account says: what one answer names, one statement locks, one refusal halves. */
export const REQUEST_ROWS_MAX = 10_000;
/** Body of a destination's answer that we read; the rest is cut, the connection destroyed. */
export const RESPONSE_BYTES_MAX = 8 * MIB;
/** A socket that does not open by then will not: the vendor's own clients give up at ten seconds as well. */
export const CONNECT_MS_MAX = 10 * SECOND_MS;
/** Sockets of one account in one environment; more requests in flight than this wait for a socket. */
export const CONNECTIONS_MAX = 32;
/** A database connection that rested longer is not used again: servers, proxies and frozen environments drop them. */
export const CONNECTION_IDLE_MS_MAX = 1 * MINUTE_MS;
/** A token is renewed this long before it ends, so that none ends on its way. */
export const TOKEN_MARGIN_MS = 1 * MINUTE_MS;
/** What a destination says of a table or an object is read again after this long. */
export const CATALOG_AGE_MS_MAX = 5 * MINUTE_MS;
/** A reason kept for the owner of the data. */
export const REASON_CHARACTERS_MAX = 500;

/** A definition item: DynamoDB itself stops at 400 KB. */
export const DEFINITION_BYTES_MAX = 256 * KIB;
/** Data API: SQL text of one statement. */
export const SQL_BYTES_MAX = 100_000;
/** Segment's published cap for columns; Redshift's own is 1,600. */
export const FIELDS_MAX = 512;

/** Clocks of two functions differ by no more than this. */
export const CLOCK_SKEW_MS = 2 * SECOND_MS;

/** A definition's own nesting: DynamoDB stops at 32 levels, and nothing that we read needs half of that. */
export const DEFINITION_DEPTH_MAX = 24;
/** Members and entries of a whole definition: room for 512 fields with lookups, not for a bomb. */
export const DEFINITION_ENTRIES_MAX = 20_000;
/** Faults told at once: an author mends a page of them, not a book. */
export const DEFINITION_FAULTS_MAX = 100;

/** A template's text; a longer one belongs into the model's SQL. */
export const TEMPLATE_CHARACTERS_MAX = 4096;
/** LiquidJS' own count of things built while rendering one row. */
export const TEMPLATE_MEMORY_MAX = 100_000;
/** Far above any honest row: a collector's pause must not make a row invalid. */
export const TEMPLATE_RENDER_MS_MAX = 1 * SECOND_MS;
/** Redshift's longest text; no destination field takes more. */
export const TEMPLATE_OUTPUT_CHARACTERS_MAX = 65_535;
/** Digits of a number, its zeros included: numeric has 38, a float8 written out has up to 309. */
export const NUMBER_DIGITS_MAX = 400;
/** Nesting of a SUPER value: a deeper one overflows somebody's stack further on. */
export const JSON_DEPTH_MAX = 32;

/** Above this rate one loader cannot use every slot in order, so its slots stay good for a whole reservation. */
export const FAST_REQUESTS_PER_SECOND = 200;
/** A loader that holds no slot starts only when the wait is this short; those at work keep the account busy. */
export const NEWCOMER_HORIZON_MS = 400;
/** Slots are reserved again this long before the last one is used, so that one loader alone leaves no gap. */
export const RESERVE_AHEAD_MS = 250;
/** Bulk makes room for this long after express has reserved. */
export const EXPRESS_PRESSURE_MS = 5 * SECOND_MS;
/** Share of the time that bulk takes under express pressure. */
export const BULK_SHARE_UNDER_PRESSURE = 0.9;
/** A throttle answer leaves this share of the rate. */
export const RATE_CUT_SHARE = 0.7;
/** Each window (of a second at least) gives this share of the full rate back. */
export const RATE_RECOVERY_SHARE = 0.01;
/** Cuts never go below this share of the full rate: something must find out that the vendor recovered. */
export const RATE_FLOOR_SHARE = 0.02;
/** After a breaker closed: 1/8, 1/4 and 1/2 of the rate, each for this long. */
export const RAMP_STEP_MS = 15 * SECOND_MS;
/** A batch waits this long within one invocation for a deferred row; longer, and the message is handed back. */
export const DEFERRAL_WAIT_MS_MAX = 2 * SECOND_MS;
/** A destination that defers without saying how long is asked again after this, doubling. */
export const DEFERRAL_WAIT_MS_MIN = 100;
/** One request is tried again this often within one invocation after a transport fault. */
export const TRANSPORT_RETRIES_MAX = 2;
/** First pause after a transport fault, full jitter, doubling. */
export const TRANSPORT_PAUSE_MS_MIN = 200;
/** Share of an invocation kept for finishing: no new request starts in it. */
export const DEADLINE_MARGIN_SHARE = 0.25;
/** The same in time, for long invocations: a slow request must end within it. */
export const DEADLINE_MARGIN_MS_MAX = 15 * SECOND_MS;
/** The last part of that margin: sockets are destroyed, what became of the batch is written. */
export const DEADLINE_WRITE_SHARE = 0.3;
/** A message is handed back for at least this part of the stall time: 1,000 receives outlast a fence. */
export const HAND_BACKS_PER_STALL = 500;
/** A batch that finds no slot pauses for this share of its run's age, so that its receives grow slowly. */
export const HAND_BACK_AGE_SHARE = 0.02;
/** And at most for this part of the stall time, or its last batches sleep until it is fenced: 900 receives in ten days. */
export const HAND_BACK_STALL_SHARE = 2 / 3;
/** Messages that go back together come back apart, by up to this share of their pause. */
export const HAND_BACK_JITTER_SHARE = 0.25;
/** After a silence that a destination asked for, hours perhaps, by no more than this: the run has a stall time from its end on. */
export const HAND_BACK_JITTER_MS_MAX = 1 * MINUTE_MS;
/** Runs whose definition, manifest and mapping one loader keeps in memory. */
export const LOADER_RUNS_KEPT_MAX = 8;

/** A sync changes hands a few times at most while one tick looks at it; more is a fault elsewhere. */
export const ACQUIRE_TRIES_MAX = 5;
/** Ten calls of ten: enough to be quick, little enough to lose when a fan-out dies. */
export const SEND_CHUNK_MESSAGES = 100;
/** Sends of what a queue did not take; after that the fan-out is repeated as a whole. */
export const SEND_TRIES_MAX = 5;
export const SEND_RETRY_MS = 200;
/** A client token is remembered for eight hours; a repeated submit well within them gives the same statement. */
export const SUBMIT_REPEAT_MS_MAX = 1 * HOUR_MS;
/** Runs of a sync that a status shows; each is one read. */
export const STATUS_RUNS_MAX = 10;
/** What a resume point can add to a sweep's measure of progress stays under one settled batch. */
export const PROGRESS_PER_BATCH = 10_000_000;
/** How long after a flip the sweep looks whether its record was written; one read a minute for each sync. */
export const RECORD_MS_MAX = 10 * MINUTE_MS;
/** Models that one call of a check describes, and how many at once: a second each, far under the function's timeout. */
export const CHECK_MODELS_MAX = 20;
export const CHECK_MODELS_AT_ONCE = 4;
/** Places of one account that one call of a check asks its destination about. */
export const CHECK_TARGETS_MAX = 20;
/** Pages of definitions or schedules that a check reads: far above what one environment holds. */
export const CHECK_PAGES_MAX = 200;

/** An owner is told of trouble at most once in this time for each sync: more would be read by nobody. */
export const OWNER_NOTICE_MS = 1 * HOUR_MS;
/** Trouble that stays as it is is told again after this long, so that it is not forgotten. */
export const OWNER_REMINDER_MS = 1 * DAY_MS;
/** Failure records that one message is counted from; what is beyond is said to be there. */
export const OWNER_FAILURE_BYTES_MAX = 8 * MIB;
/** Failure objects that one message is counted from: each is a request. */
export const OWNER_FAILURE_OBJECTS_MAX = 200;
/** Lines of reasons, or of faults, in one message: a person reads a page. */
export const OWNER_REASONS_MAX = 20;
/** SNS: a subject has less than a hundred characters. */
export const OWNER_SUBJECT_CHARACTERS_MAX = 99;

/** Paths of changed fields that one audit record names; a definition rewritten as a whole has thousands. */
export const AUDIT_PATHS_MAX = 200;
/** Runs of a sync that the daily look for missing audit records goes back: more than one a minute for a day. */
export const AUDIT_CATCH_UP_RUNS_MAX = 2000;
/** Who did it, as an ARN: a role's name and a session's have 64 characters each, a path up to 512. */
export const PRINCIPAL_CHARACTERS_MAX = 1024;

/** The watch reads three items a sync: every five minutes, and a little less, so that a late minute does not skip one. */
export const WATCH_EVERY_MS = 4.5 * MINUTE_MS;
/** A commit may be this late before somebody is told: a run that stalls is fenced and repeated within it. */
export const OVERDUE_MS = 30 * MINUTE_MS;
/** Runs of a sync that fail one after another before somebody is told; the first of them is an event already. */
export const TROUBLE_RUNS_MIN = 2;
/** Share of the model that may be in the failure set, and rows that may be in any case: below, it is the data's daily dirt. */
export const REJECTED_SHARE_MAX = 0.05;
export const REJECTED_ROWS_MIN = 10;
/** An account that may send less than this share of its rate is starved. */
export const STARVED_SHARE = 0.25;
/** And one that was told to be silent for longer than this. */
export const SILENCE_MS_MAX = 5 * MINUTE_MS;
/** Two looks of the watch are in a row when the first is no older than this: an environment that rested has seen the past. */
export const ATTENTION_AGE_MS_MAX = 3 * WATCH_EVERY_MS;
/** Syncs and accounts that are kept as told at once, so that the item stays under a tenth of what DynamoDB takes. */
export const ATTENTION_TOLD_MAX = 200;
/** Names of those who need somebody, and of those who no longer do, in one message: a person reads a page. */
export const ATTENTION_NAMED_MAX = 25;
/** Reasons or faults in one message to an operator: enough to decide whether to get up. */
export const OPERATOR_LINES_MAX = 5;
