// What a form tells its fields: what the server said is wrong with each.

import { createContext } from 'preact'

export interface FormFacts {
  /** What is wrong with the member of that name, or with one inside it. */
  errorOf(name: string): string | undefined
}

export const FormContext = createContext<FormFacts | undefined>(undefined)
