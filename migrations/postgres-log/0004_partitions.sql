-- Written by hand: drizzle knows no partitions. Requests and their bodies lie by month from here on, so that old ones are deleted by
-- dropping tables; rows that are there are carried over, and what lies in no month goes to the default partition.
ALTER TABLE "request_bodies" DROP CONSTRAINT "request_bodies_sequence_requests_sequence_fk";--> statement-breakpoint
ALTER TABLE "request_bodies" DROP CONSTRAINT "request_bodies_sequence_pk";--> statement-breakpoint
ALTER TABLE "requests" DROP CONSTRAINT "requests_pkey";--> statement-breakpoint
DROP INDEX "requests_log_ms";--> statement-breakpoint
DROP INDEX "requests_tenant_time";--> statement-breakpoint
ALTER TABLE "requests" RENAME TO "requests_whole";--> statement-breakpoint
ALTER TABLE "request_bodies" RENAME TO "request_bodies_whole";--> statement-breakpoint
CREATE TABLE "requests" (LIKE "requests_whole" INCLUDING DEFAULTS) PARTITION BY RANGE ("timestamp_ms");--> statement-breakpoint
CREATE TABLE "request_bodies" (LIKE "request_bodies_whole" INCLUDING DEFAULTS) PARTITION BY RANGE ("timestamp_ms");--> statement-breakpoint
ALTER SEQUENCE "requests_sequence_seq" OWNED BY "requests"."sequence";--> statement-breakpoint
CREATE TABLE "requests_default" PARTITION OF "requests" DEFAULT;--> statement-breakpoint
CREATE TABLE "request_bodies_default" PARTITION OF "request_bodies" DEFAULT;--> statement-breakpoint
DO $$
DECLARE
	"month" timestamp;
	"parent" text;
BEGIN
	FOR "month" IN
		SELECT DISTINCT date_trunc('month', to_timestamp("timestamp_ms" / 1000) AT TIME ZONE 'UTC')
		FROM "requests_whole" WHERE "timestamp_ms" BETWEEN 1577836800000 AND 4102444799999
	LOOP
		FOREACH "parent" IN ARRAY ARRAY['requests', 'request_bodies'] LOOP
			EXECUTE format(
				'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%s) TO (%s)',
				"parent" || to_char("month", '_YYYY_MM'), "parent",
				(extract(epoch FROM "month" AT TIME ZONE 'UTC') * 1000)::bigint,
				(extract(epoch FROM ("month" + interval '1 month') AT TIME ZONE 'UTC') * 1000)::bigint
			);
		END LOOP;
	END LOOP;
END $$;--> statement-breakpoint
INSERT INTO "requests" SELECT * FROM "requests_whole";--> statement-breakpoint
INSERT INTO "request_bodies" ("sequence", "tenant_id", "timestamp_ms", "request_body", "response_body")
	SELECT "bodies"."sequence", "bodies"."tenant_id", "rows"."timestamp_ms", "bodies"."request_body", "bodies"."response_body"
	FROM "request_bodies_whole" "bodies" JOIN "requests_whole" "rows" ON "rows"."sequence" = "bodies"."sequence";--> statement-breakpoint
DROP TABLE "request_bodies_whole";--> statement-breakpoint
DROP TABLE "requests_whole";--> statement-breakpoint
ALTER TABLE "requests" ADD CONSTRAINT "requests_sequence_timestamp_ms_pk" PRIMARY KEY("sequence","timestamp_ms");--> statement-breakpoint
ALTER TABLE "request_bodies" ADD CONSTRAINT "request_bodies_sequence_timestamp_ms_pk" PRIMARY KEY("sequence","timestamp_ms");--> statement-breakpoint
CREATE INDEX "requests_tenant_time" ON "requests" USING btree ("tenant_id","timestamp_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "requests_log" ON "requests" USING btree ("log_ms","log_id","timestamp_ms");
