CREATE TABLE "audit_content" (
	"tenant_id" text NOT NULL,
	"id" text NOT NULL,
	"log_id" text NOT NULL,
	"user_id" text,
	"key_id" text,
	"timestamp_ms" bigint NOT NULL,
	"nonce" text NOT NULL,
	"sealed_excerpt" text NOT NULL,
	CONSTRAINT "audit_content_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE INDEX "audit_content_timestamp_ms" ON "audit_content" USING btree ("timestamp_ms");--> statement-breakpoint
CREATE INDEX "audit_content_user_id" ON "audit_content" USING btree ("tenant_id","user_id");--> statement-breakpoint
CREATE INDEX "audit_content_key_id" ON "audit_content" USING btree ("tenant_id","key_id");