ALTER TABLE "kept" ADD COLUMN "seal_key_id" text;--> statement-breakpoint
CREATE INDEX "kept_seal" ON "kept" USING btree ("seal_key_id");