// The losses of a streamed answer. A stream meets the same loss in many events; it is told once, so that a long answer makes
// no long list.

import { LossList } from '../../core/ir/loss.ts'

/** Losses of a stream, each told once however many events it took. */
export class StreamLosses extends LossList {
  override dropped(feature: string, path: string, detail?: string): void {
    if (!this.has(feature, path)) super.dropped(feature, path, detail)
  }

  override adapted(feature: string, path: string, detail?: string): void {
    if (!this.has(feature, path)) super.adapted(feature, path, detail)
  }

  private has(feature: string, path: string): boolean {
    return this.items.some((loss) => loss.feature === feature && loss.path === path)
  }
}
