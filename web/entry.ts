// What the pages to log in and to set up share: elements by their ids, and the words of a problem in its place.

/** @throws TypeError for an id the page has not */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (found === null) throw new TypeError(`no element ${id}`)
  return found as T
}

export function inputValue(id: string): string {
  return element<HTMLInputElement>(id).value
}

/** Says what is wrong, where everybody hears it. */
export function tell(problem: string): void {
  const place = element('problem')
  place.textContent = problem
  place.hidden = false
}

/** What the server says went wrong. */
export async function problemOf(answer: Response): Promise<string> {
  try {
    const { error } = (await answer.json()) as { error: { message: string } }
    return error.message
  } catch {
    return `The server answered with ${answer.status}.`
  }
}

/** While the work is under way the form's button says so and takes no second click. */
export function onSubmit(id: string, work: () => Promise<void>): void {
  const form = element<HTMLFormElement>(id)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const button = form.querySelector('button')
    if (button?.disabled === true) return
    button?.toggleAttribute('disabled', true)
    work()
      .catch(() => tell('The server does not answer.'))
      .finally(() => button?.toggleAttribute('disabled', false))
  })
}
