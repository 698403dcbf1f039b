set timezone to 'UTC';

create table if not exists "tailrace"."marker_people_to_crm" (epoch bigint, run bigint);

create table if not exists "tailrace"."snapshot_people_to_crm" (k varchar(2048), f varchar(64), m0 varchar(65535), m1 varchar(65535), m2 varchar(65535), m3 varchar(65535));

create table if not exists "tailrace"."delta_people_to_crm" (epoch bigint, k varchar(2048), o varchar(1), f varchar(64), m0 varchar(65535), m1 varchar(65535), m2 varchar(65535), m3 varchar(65535));

select cast(case when count(*) = 0 then '1' else 'run_superseded' end as integer) as latest from "tailrace"."marker_people_to_crm" where epoch = -154010778471162 and run > 1;

delete from "tailrace"."marker_people_to_crm";

insert into "tailrace"."marker_people_to_crm" (epoch, run) values (0, 1), (-154010778471162, 1);

create temp table "tailrace_failed_lines" (
  row_key varchar(2048),
  fingerprint varchar(64),
  kind varchar(16),
  code varchar(400),
  attempts varchar(11),
  quarantined varchar(1),
  applied varchar(1),
  since_epoch varchar(20)
);

create temp table "tailrace_failed" as
select row_key, fingerprint, kind, code, attempts, quarantined, ever as applied, since_epoch from (
select row_key, fingerprint, kind, code, attempts, quarantined, applied, since_epoch, max(applied) over (partition by row_key) as ever, row_number() over (partition by row_key order by quarantined, attempts desc, kind, code) as place
from "tailrace_failed_lines" where row_key is not null
) as numbered where place = 1;

delete from "tailrace"."snapshot_people_to_crm";

delete from "tailrace"."delta_people_to_crm" where epoch not in (1);

create temp table "tailrace_dirty" as
select k, m0, m1, m2, m3 from (
select k, m0, m1, m2, m3, row_number() over (partition by k order by epoch desc) as place
from "tailrace"."delta_people_to_crm" where 1 = 0
) as numbered where place = 1;

create temp table "tailrace_seen" as
select k, count(*) as w, min(t) as t from (
select case when len(p) between 1 and 512 then p end as k, q as t from (
select
  replace(replace(cast("id" as varchar), '~', '~0'), '|', '~1') || '|' || replace(replace("email", '~', '~0'), '|', '~1') as p,
  "email" as q
from (
select id, email, ltv, updated_at from people
) as model
) as typed
) as keyed
group by k;

create temp table "tailrace_twins" as
select t from "tailrace_seen" where k is not null and t is not null group by t having count(*) > 1;

create temp table "tailrace_totals" as
select sum(w) as w from "tailrace_seen";

create temp table "tailrace_work" (
  k varchar(2048),
  o varchar(1),
  f varchar(64),
  n varchar(11),
  x varchar(1),
  e varchar(400),
  w bigint,
  s integer,
  z bigint,
  c0 varchar(65535),
  c1 varchar(65535)
);

insert into "tailrace_work" (k, o, f, n, x, e, w, s, z, c0, c1)
select k, case when carried = 1 then 'k' when q is not null then 'i' when held = 1 then 'c' else 'a' end, f, n, x, q, 1, case when carried = 1 then 0 else 1 end, z,
case when q is null then c0 end,
case when q is null then c1 end
from (
select r.*, coalesce(x.attempts, '0') as n,
  case when s.k is not null or y.k is not null or x.applied = '1' then '1' else '0' end as x,
  case when ((r.q is not null and x.kind = 'invalid' and x.code = r.q and coalesce(x.fingerprint, '') = coalesce(r.f, '')) or (r.q is null and x.quarantined = '1' and x.fingerprint = r.f and not (x.kind = 'invalid' and (x.code in ('duplicate_key', 'duplicate_match', 'row_too_long', 'null_cursor') or x.code like 'check:%')))) and y.k is null then 1 else 0 end as carried,
  case when x.row_key is not null or y.k is not null then 1 else 0 end as due,
  case when s.k is not null then 1 else 0 end as held,
  s.f as was
from (
select r.*, coalesce(r.e, case when u.t is not null then 'duplicate_match' end) as q
from (
select * from (
select
  case when len(p) between 1 and 512 then p end as k,
  case
    when p is null then 'null_key'
    when p = '' then 'empty_key'
    when len(p) > 512 then 'key_too_long'
    when z > 60000 then 'row_too_long'
    else v
  end as e,
  sha2(j, 256) as f,
  z,
  c0,
  c1
from (
select *, y + 160 + case when y > 8000 then coalesce(6 * octet_length(j) - octet_length(translate(j, '"' || chr(92), '')) - 5 * octet_length(translate(j, chr(1) || chr(2) || chr(3) || chr(4) || chr(5) || chr(6) || chr(7) || chr(8) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(14) || chr(15) || chr(16) || chr(17) || chr(18) || chr(19) || chr(20) || chr(21) || chr(22) || chr(23) || chr(24) || chr(25) || chr(26) || chr(27) || chr(28) || chr(29) || chr(30) || chr(31), '')), 0) else 0 end as z
from (
select *, case when y <= 60000 then
  'm1/tn/' || coalesce(cast(len(c0) as varchar) || ':' || c0, '-') || coalesce(cast(len(c1) as varchar) || ':' || c1, '-')
  end as j
from (
select *, coalesce(octet_length(p), 0) + coalesce(octet_length(c0), 0) + coalesce(octet_length(c1), 0) as y
from (
select
  replace(replace(cast("id" as varchar), '~', '~0'), '|', '~1') || '|' || replace(replace("email", '~', '~0'), '|', '~1') as p,
  "email" as c0,
  cast("ltv" as varchar) as c1,
  cast(null as varchar(1)) as v
from (
select id, email, ltv, updated_at from people
) as model
) as typed
) as sized
) as joined
) as measured
) as keyed
) as r
left join "tailrace_seen" as d on d.k = r.k and d.w > 1
left join "tailrace_twins" as u on u.t = r.c0
where d.k is null
) as r
left join "tailrace_failed" as x on x.row_key = r.k
left join "tailrace"."snapshot_people_to_crm" as s on s.k = r.k
left join "tailrace_dirty" as y on y.k = r.k
) as judged
where q is not null or due = 1 or held = 0 or was is null or was <> f;

insert into "tailrace_work" (k, o, f, n, x, e, w, s, z)
select k, case when carried = 1 then 'k' when q is not null then 'i' when held = 1 then 'c' else 'a' end, f, n, x, q, w, case when carried = 1 then 0 else 1 end, 200
from (
select r.*, coalesce(x.attempts, '0') as n,
  case when s.k is not null or y.k is not null or x.applied = '1' then '1' else '0' end as x,
  case when ((r.q is not null and x.kind = 'invalid' and x.code = r.q and coalesce(x.fingerprint, '') = coalesce(r.f, '')) or (r.q is null and x.quarantined = '1' and x.fingerprint = r.f and not (x.kind = 'invalid' and (x.code in ('duplicate_key', 'duplicate_match', 'row_too_long', 'null_cursor') or x.code like 'check:%')))) and y.k is null then 1 else 0 end as carried,
  case when x.row_key is not null or y.k is not null then 1 else 0 end as due,
  case when s.k is not null then 1 else 0 end as held,
  s.f as was
from (
select k, w, cast(null as varchar(64)) as f, 'duplicate_key' as q from "tailrace_seen" where k is not null and w > 1
) as r
left join "tailrace_failed" as x on x.row_key = r.k
left join "tailrace"."snapshot_people_to_crm" as s on s.k = r.k
left join "tailrace_dirty" as y on y.k = r.k
) as judged;

insert into "tailrace_work" (k, o, f, n, x, e, w, s, z, c0)
select g.k, 'd', cast(null as varchar(64)), coalesce(x.attempts, '0'), '1', cast(null as varchar(400)), 0, 0, 200,
  case when s.k is not null then s.m0 else y.m0 end
from (select row_key as k from "tailrace_failed" union select k from "tailrace_dirty") as g
left join "tailrace_seen" as p on p.k = g.k
left join "tailrace"."snapshot_people_to_crm" as s on s.k = g.k
left join "tailrace_failed" as x on x.row_key = g.k
left join "tailrace_dirty" as y on y.k = g.k
where p.k is null and (s.f is not null);

insert into "tailrace"."delta_people_to_crm" (epoch, k, o, f, m0, m1, m2, m3)
select 1, k, o, f, c0, cast(null as varchar(1)), cast(null as varchar(1)), cast(null as varchar(1))
from "tailrace_work" where o in ('a', 'c', 'r', 'd');

create temp table "tailrace_carried" as
select x."row_key", x."fingerprint", x."kind", x."code", x."attempts", x."quarantined", x."applied", x."since_epoch", cast('' as varchar(1)) as reason
from "tailrace_failed" as x join "tailrace_work" as g on g.k = x.row_key and g.o = 'k';

select cast(case when coalesce(max(z), 0) <= 400000000 then '1' else 'slice_over_limit' end as integer) as fits from (select sum(z) as z from "tailrace_work" where s = 1 group by abs(mod(fnv_hash(coalesce(k, '')), 4))) as sums;

select k, o, f, n, x, e, c0, c1 from "tailrace_work" where s = 1 and abs(mod(fnv_hash(coalesce(k, '')), 4)) = 0;

select k, o, f, n, x, e, c0, c1 from "tailrace_work" where s = 1 and abs(mod(fnv_hash(coalesce(k, '')), 4)) = 1;

select k, o, f, n, x, e, c0, c1 from "tailrace_work" where s = 1 and abs(mod(fnv_hash(coalesce(k, '')), 4)) = 2;

select k, o, f, n, x, e, c0, c1 from "tailrace_work" where s = 1 and abs(mod(fnv_hash(coalesce(k, '')), 4)) = 3;

select "row_key", "fingerprint", "kind", "code", "attempts", "quarantined", "applied", "since_epoch", "reason" from "tailrace_carried";

select
  cast(coalesce((select max(w) from "tailrace_totals"), 0) as varchar) as model_rows,
  cast(coalesce(sum(s), 0) as varchar) as extracted,
  cast(coalesce((select max(w) from "tailrace_totals"), 0) - coalesce(sum(w), 0) as varchar) as unchanged,
  cast(coalesce(sum(case when o = 'a' then 1 else 0 end), 0) as varchar) as added,
  cast(coalesce(sum(case when o = 'c' then 1 else 0 end), 0) as varchar) as changed,
  cast(coalesce(sum(case when o = 'r' then 1 else 0 end), 0) as varchar) as removed,
  cast(coalesce(sum(case when o = 'i' then 1 else 0 end), 0) as varchar) as invalid,
  cast(coalesce(sum(case when k is null then 1 else 0 end), 0) as varchar) as null_keys,
  cast(coalesce(sum(case when o = 'k' then 1 else 0 end), 0) as varchar) as carried,
  cast(null as varchar(1)) as hi
from "tailrace_work";

-- parameters: []
