CREATE TABLE "content_objects" (
	"object_key" text NOT NULL,
	"tenant_id" text NOT NULL,
	"sequence" bigint NOT NULL,
	"timestamp_ms" bigint NOT NULL,
	"bytes" bigint NOT NULL,
	"state" text NOT NULL,
	"tries" integer NOT NULL,
	"due_ms" bigint NOT NULL,
	CONSTRAINT "content_objects_object_key_pk" PRIMARY KEY("object_key")
);
--> statement-breakpoint
ALTER TABLE "request_bodies" ADD COLUMN "packed" "bytea";--> statement-breakpoint
ALTER TABLE "request_bodies" ADD COLUMN "object_key" text;--> statement-breakpoint
CREATE INDEX "content_objects_sequence" ON "content_objects" USING btree ("sequence");--> statement-breakpoint
CREATE INDEX "content_objects_due" ON "content_objects" USING btree ("state","due_ms");