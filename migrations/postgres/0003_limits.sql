-- Written by hand: counters of limits that replicas share where there is no Redis. They are unlogged, as what they count is over within
-- a day and a crash may forget it, and no schema of drizzle names them: only the function below reads and writes them.
CREATE UNLOGGED TABLE "limit_counters" (
	"key" text PRIMARY KEY NOT NULL,
	"parts" double precision[] DEFAULT '{}' NOT NULL,
	"expires_ms" double precision NOT NULL
) WITH (fillfactor = 50);--> statement-breakpoint
CREATE INDEX "limit_counters_expires" ON "limit_counters" ("expires_ms");--> statement-breakpoint
CREATE UNLOGGED TABLE "limit_holders" (
	"key" text NOT NULL,
	"holder" text NOT NULL,
	"expires_ms" double precision NOT NULL,
	CONSTRAINT "limit_holders_pk" PRIMARY KEY ("key", "holder")
) WITH (fillfactor = 50);--> statement-breakpoint
CREATE INDEX "limit_holders_expires" ON "limit_holders" ("expires_ms");--> statement-breakpoint
CREATE FUNCTION "weir_limits"(
	"at_ms" double precision, "lease_ms" double precision, "keys" text[], "spans" double precision[], "words" text[]
) RETURNS text LANGUAGE plpgsql AS $$
-- The sliding window of core/policy/rate.ts, for a whole batch of requests; the words are those of storage/limit-exchange.ts. A counter
-- is three numbers for each of its parts: when it began, when it ended, how much it holds; the oldest part first.
DECLARE
	parts_max CONSTANT integer := 60;
	now_ms double precision;
	c limit_counters;
	cs limit_counters[];
	size CONSTANT integer := cardinality(keys);
	totals double precision[] := array_fill(0::double precision, ARRAY[greatest(size, 1)]);
	counts integer[] := array_fill(NULL::integer, ARRAY[greatest(size, 1)]);
	changed boolean[] := array_fill(false, ARRAY[greatest(size, 1)]);
	answer text[];
	at integer := 1;
	locked integer;
	k integer;
	n integer;
	first integer;
	by_ms double precision;
	list integer;
	todo integer;
	takes integer;
	who text;
	span double precision;
	amount double precision;
	taken double precision;
	given double precision;
	most double precision;
	left_over double precision;
	wait_ms double precision;
	passes boolean;
	t_k integer[];
	t_max double precision[];
	t_cost double precision[];
	t_wait double precision[];
BEGIN
	-- Whoever waits longer is not waited for any more.
	PERFORM set_config('lock_timeout', '40ms', true);
	LOOP
		INSERT INTO limit_counters AS known ("key", "expires_ms")
			SELECT one, 'Infinity' FROM unnest(keys) AS one ORDER BY one ON CONFLICT DO NOTHING;
		locked := 0;
		-- In one order for all, so that nobody waits for each other.
		FOR c IN SELECT * FROM limit_counters WHERE limit_counters."key" = ANY (keys) ORDER BY limit_counters."key" FOR UPDATE LOOP
			cs[array_position(keys, c."key")] := c;
			locked := locked + 1;
		END LOOP;
		EXIT WHEN locked = size;
	END LOOP;
	now_ms := coalesce(at_ms, round((extract(epoch FROM clock_timestamp()) * 1000)::numeric, 3)::double precision);

	FOR k IN 1..size LOOP
		IF spans[k] = 0 THEN
			DELETE FROM limit_holders WHERE limit_holders."key" = keys[k] AND limit_holders."expires_ms" <= now_ms;
			-- A clock that was set back must not keep a dead replica's places.
			UPDATE limit_holders SET "expires_ms" = now_ms + lease_ms
				WHERE limit_holders."key" = keys[k] AND limit_holders."expires_ms" > now_ms + lease_ms;
			counts[k] := (SELECT count(*) FROM limit_holders WHERE limit_holders."key" = keys[k]);
			CONTINUE;
		END IF;
		c := cs[k];
		n := cardinality(c."parts");
		IF n > 0 AND now_ms < c."parts"[n - 1] THEN
			-- The clock was set back: what was taken last was taken now, and the rest as long before it.
			by_ms := now_ms - c."parts"[n - 1];
			FOR i IN 1..n BY 3 LOOP
				c."parts"[i] := c."parts"[i] + by_ms;
				c."parts"[i + 1] := c."parts"[i + 1] + by_ms;
			END LOOP;
			changed[k] := true;
		END IF;
		first := n + 1;
		FOR i IN 1..n BY 3 LOOP
			IF now_ms - c."parts"[i + 1] < spans[k] THEN
				IF first > n THEN first := i; END IF;
				totals[k] := totals[k] + c."parts"[i + 2];
			END IF;
		END LOOP;
		IF first > 1 AND n > 0 THEN
			c."parts" := c."parts"[first:n];
			changed[k] := true;
		END IF;
		cs[k] := c;
	END LOOP;

	-- Releases, then renewals.
	FOR list IN 1..2 LOOP
		todo := words[at]::integer;
		at := at + 1;
		FOR i IN 1..todo LOOP
			k := words[at]::integer;
			who := words[at + 1];
			at := at + 2;
			IF list = 1 THEN
				DELETE FROM limit_holders WHERE limit_holders."key" = keys[k] AND limit_holders."holder" = who;
				IF FOUND THEN counts[k] := counts[k] - 1; END IF;
			ELSE
				UPDATE limit_holders SET "expires_ms" = now_ms + lease_ms
					WHERE limit_holders."key" = keys[k] AND limit_holders."holder" = who;
				IF NOT FOUND THEN
					INSERT INTO limit_holders VALUES (keys[k], who, now_ms + lease_ms);
					counts[k] := counts[k] + 1;
				END IF;
			END IF;
		END LOOP;
	END LOOP;

	-- Corrections.
	todo := words[at]::integer;
	at := at + 1;
	FOR i IN 1..todo LOOP
		k := words[at]::integer;
		amount := words[at + 2]::double precision;
		c := cs[k];
		n := cardinality(c."parts");
		IF amount > 0 THEN
			IF n > 0 AND now_ms - c."parts"[n - 2] < spans[k] / parts_max THEN
				c."parts"[n - 1] := now_ms;
				c."parts"[n] := c."parts"[n] + amount;
			ELSE
				c."parts" := c."parts" || ARRAY[now_ms, now_ms, amount];
			END IF;
			totals[k] := totals[k] + amount;
			changed[k] := true;
		ELSIF words[at + 3] <> '' THEN
			taken := words[at + 3]::double precision;
			FOR p IN REVERSE n - 2..1 BY 3 LOOP
				EXIT WHEN taken > c."parts"[p + 1];
				IF taken >= c."parts"[p] THEN
					given := least(-amount, c."parts"[p + 2]);
					c."parts"[p + 2] := c."parts"[p + 2] - given;
					totals[k] := totals[k] - given;
					changed[k] := true;
					EXIT;
				END IF;
			END LOOP;
		END IF;
		cs[k] := c;
		at := at + 4;
	END LOOP;

	-- Requests: each takes from all of its counters or from none.
	answer := ARRAY[now_ms::text];
	todo := words[at]::integer;
	at := at + 1;
	FOR i IN 1..todo LOOP
		who := words[at];
		takes := words[at + 1]::integer;
		at := at + 2;
		passes := true;
		t_k := '{}';
		t_max := '{}';
		t_cost := '{}';
		t_wait := '{}';
		FOR t IN 1..takes LOOP
			k := words[at]::integer;
			span := words[at + 1]::double precision;
			most := words[at + 2]::double precision;
			amount := words[at + 3]::double precision;
			IF span = 0 THEN
				wait_ms := CASE WHEN counts[k] + amount <= most THEN 0 WHEN amount > most THEN -1 ELSE words[at + 4]::double precision END;
			ELSIF most - amount < 0 THEN
				wait_ms := -1;
			ELSIF totals[k] <= most - amount THEN
				wait_ms := 0;
			ELSE
				c := cs[k];
				wait_ms := -1;
				left_over := totals[k];
				FOR p IN 1..cardinality(c."parts") BY 3 LOOP
					left_over := left_over - c."parts"[p + 2];
					IF left_over <= most - amount THEN
						wait_ms := ceil(c."parts"[p + 1] + spans[k] - now_ms);
						EXIT;
					END IF;
				END LOOP;
			END IF;
			IF wait_ms <> 0 THEN passes := false; END IF;
			t_k[t] := k;
			t_max[t] := most;
			t_cost[t] := amount;
			t_wait[t] := wait_ms;
			at := at + 5;
		END LOOP;
		IF passes THEN
			FOR t IN 1..takes LOOP
				k := t_k[t];
				IF spans[k] = 0 THEN
					INSERT INTO limit_holders VALUES (keys[k], who, now_ms + lease_ms)
						ON CONFLICT ON CONSTRAINT limit_holders_pk DO UPDATE SET "expires_ms" = excluded."expires_ms";
					counts[k] := counts[k] + 1;
				ELSIF t_cost[t] > 0 THEN
					c := cs[k];
					n := cardinality(c."parts");
					IF n > 0 AND now_ms - c."parts"[n - 2] < spans[k] / parts_max THEN
						c."parts"[n - 1] := now_ms;
						c."parts"[n] := c."parts"[n] + t_cost[t];
					ELSE
						c."parts" := c."parts" || ARRAY[now_ms, now_ms, t_cost[t]];
					END IF;
					cs[k] := c;
					totals[k] := totals[k] + t_cost[t];
					changed[k] := true;
				END IF;
			END LOOP;
		END IF;
		FOR t IN 1..takes LOOP
			k := t_k[t];
			n := cardinality(cs[k]."parts");
			answer := answer || ARRAY[
				greatest(0, t_max[t] - CASE WHEN spans[k] = 0 THEN counts[k] ELSE totals[k] END)::text,
				CASE WHEN spans[k] = 0 OR totals[k] = 0 THEN '0' ELSE ceil(cs[k]."parts"[n - 1] + spans[k] - now_ms)::text END,
				t_wait[t]::text
			];
		END LOOP;
	END LOOP;

	FOR k IN 1..size LOOP
		IF changed[k] THEN
			UPDATE limit_counters SET "parts" = cs[k]."parts", "expires_ms" = now_ms + spans[k]
				WHERE limit_counters."key" = keys[k];
		ELSIF cs[k]."expires_ms" = 'Infinity' THEN
			-- A row that only locks: it goes when nothing holds it any more.
			UPDATE limit_counters SET "expires_ms" = now_ms + greatest(spans[k], 2 * lease_ms)
				WHERE limit_counters."key" = keys[k];
		END IF;
	END LOOP;
	RETURN array_to_string(answer, ',');
END $$;
