-- upsert
INSERT INTO "public"."contacts" ("email", "ltv""usd", "tags")
SELECT u.c0::character varying, u.c1::numeric, u.c2::text[] FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u (c0, c1, c2, n) ORDER BY u.n
ON CONFLICT ("email") DO UPDATE SET "ltv""usd" = excluded."ltv""usd", "tags" = excluded."tags";

-- insert
INSERT INTO "public"."contacts" ("email", "ltv""usd", "tags")
SELECT u.c0::character varying, u.c1::numeric, u.c2::text[] FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u (c0, c1, c2, n) ORDER BY u.n
ON CONFLICT ("email") DO NOTHING;

-- update
WITH input AS (SELECT u.n, u.c0::character varying AS c0, u.c1::numeric AS c1, u.c2::text[] AS c2 FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u (c0, c1, c2, n)),
held AS (SELECT input.* FROM "public"."contacts" AS t JOIN input
ON t."email" = input.c0 ORDER BY input.n FOR UPDATE OF t)
UPDATE "public"."contacts" AS t SET "ltv""usd" = held.c1, "tags" = held.c2
FROM held WHERE t."email" = held.c0 RETURNING held.n::int AS n;

-- insert, after a conflict
SELECT u.n::int AS n, t."email"::text IS NOT DISTINCT FROM u.c0::character varying::character varying(254)::text AND t."ltv""usd"::text IS NOT DISTINCT FROM u.c1::numeric::numeric(12,2)::text AND t."tags"::text IS NOT DISTINCT FROM u.c2::text[]::text[]::text AS same
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u (c0, c1, c2, n) JOIN "public"."contacts" AS t
ON t."email" = u.c0::character varying::character varying(254);

-- delete
WITH input AS (SELECT u.n, u.c0::character varying AS c0 FROM unnest($1::text[]) WITH ORDINALITY AS u (c0, n)),
held AS (SELECT input.* FROM "public"."contacts" AS t JOIN input
ON t."email" = input.c0 ORDER BY input.n FOR UPDATE OF t)
DELETE FROM "public"."contacts" AS t USING held WHERE t."email" = held.c0;

-- upsert of the match column alone
INSERT INTO "public"."contacts" ("email")
SELECT u.c0::character varying FROM unnest($1::text[]) WITH ORDINALITY AS u (c0, n) ORDER BY u.n
ON CONFLICT ("email") DO UPDATE SET "email" = excluded."email";
