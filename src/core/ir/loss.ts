// A loss: something of the IR that the target dialect cannot say. It is data, carried to the header, the log row and the
// policy of the model; an encoder that leaves something out without returning one of these is wrong.

export interface Loss {
  /** What was lost, a stable kebab-case word for metrics: `top-k`, `cache-hint`, `seal`, `unknown-field`. */
  readonly feature: string
  /** Where in the IR: `sampling.topK`, `messages[2].content[0]`. */
  readonly path: string
  /** `dropped`: gone. `adapted`: said in another way, close but not equal. */
  readonly action: 'dropped' | 'adapted'
  readonly detail?: string
}

/** What an encoder returns: the wire value and everything that did not fit in it. */
export interface Encoded<T> {
  readonly value: T
  readonly losses: readonly Loss[]
}

/** Collects losses while an encoder walks the IR. */
export class LossList {
  readonly items: Loss[] = []

  dropped(feature: string, path: string, detail?: string): void {
    this.add({ feature, path, action: 'dropped', ...(detail === undefined ? {} : { detail }) })
  }

  adapted(feature: string, path: string, detail?: string): void {
    this.add({ feature, path, action: 'adapted', ...(detail === undefined ? {} : { detail }) })
  }

  private add(loss: Loss): void {
    this.items.push(loss)
  }
}

/** A loss as one token of the `x-weir-losses` header: `feature@path`. */
export function lossToken(loss: Loss): string {
  return `${loss.feature}@${loss.path}`
}
