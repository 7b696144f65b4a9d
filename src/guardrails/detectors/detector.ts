// What a detector is: a function that reads a text once and tells where it found what. Detectors are pure, keep nothing and are linear
// in the text; what they are handed is the text's normal form (`normalise.ts`).

/** Told of each finding, in any order; findings may overlap. */
export type Finding = (start: number, end: number, label: string) => void

export type Detector = (text: string, found: Finding) => void
