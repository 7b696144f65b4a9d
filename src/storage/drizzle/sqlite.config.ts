// Where `bun run db:generate` reads the control tables for SQLite and writes their migrations. Used in development
// only: the executable carries the generated files, never this one.

import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'sqlite',
  schema: './src/storage/schema.sqlite.ts',
  out: './migrations/sqlite',
})
