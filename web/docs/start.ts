// Begins Swagger UI on the page of the API documentation. It adds what a browser that is logged in has to prove a change with, and tells who
// asks; a key that is put in under "Authorize" goes before the session.

/** As far as it is used here; the package has no types. */
interface SwaggerRequest {
  url: string
  method?: string
  headers: Record<string, string>
}

interface SwaggerResponse {
  readonly headers?: Readonly<Record<string, string>>
}

type SwaggerUi = (options: {
  readonly url: string
  readonly dom_id: string
  readonly deepLinking: boolean
  readonly docExpansion: 'list' | 'full' | 'none'
  readonly filter: boolean
  readonly displayRequestDuration: boolean
  readonly defaultModelsExpandDepth: number
  readonly tryItOutEnabled: boolean
  readonly validatorUrl: null
  readonly persistAuthorization: boolean
  readonly requestInterceptor: (request: SwaggerRequest) => SwaggerRequest | Promise<SwaggerRequest>
  readonly responseInterceptor: (response: SwaggerResponse) => SwaggerResponse
}) => unknown

interface SessionState {
  readonly authenticated: boolean
  readonly csrf?: string
  readonly user?: { readonly name: string | null; readonly id: string }
  readonly caller?: { readonly kind: string; readonly name: string | null }
}

const CSRF_HEADER = 'x-weir-csrf'
const KEY_HEADERS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']

let csrf = ''

const dark = matchMedia('(prefers-color-scheme: dark)')

function applyTheme(): void {
  const chosen = localStorage.getItem('weir-theme')
  const isDark = chosen === 'dark' || (chosen !== 'light' && dark.matches)
  document.documentElement.classList.toggle('dark-mode', isDark)
}

async function learnSession(): Promise<void> {
  const response = await fetch('/auth/session', { headers: { accept: 'application/json' } })
  if (!response.ok) return
  const state = (await response.json()) as SessionState
  csrf = state.csrf ?? ''
  const { caller, user } = state
  const name = user?.name ?? user?.id ?? caller?.name ?? caller?.kind
  const place = document.getElementById('caller')
  if (place === null) return
  place.textContent =
    name === undefined ? 'Nobody is logged in: put a key in under “Authorize”.' : `You are ${name}.`
}

function withProof(request: SwaggerRequest): SwaggerRequest {
  const named = Object.keys(request.headers).map((name) => name.toLowerCase())
  const hasKey = named.some((name) => KEY_HEADERS.includes(name))
  const isRead = ['GET', 'HEAD', undefined].includes(request.method?.toUpperCase())
  if (!hasKey && !isRead && csrf !== '' && !named.includes(CSRF_HEADER)) {
    request.headers[CSRF_HEADER] = csrf
    // A change in a session must say that it is JSON, where it has a body or not.
    if (!named.includes('content-type')) request.headers['content-type'] = 'application/json'
  }
  return request
}

function begin(): void {
  const start = (globalThis as unknown as { SwaggerUIBundle: SwaggerUi }).SwaggerUIBundle
  start({
    url: '/openapi.json',
    dom_id: '#swagger',
    deepLinking: true,
    docExpansion: 'none',
    filter: true,
    displayRequestDuration: true,
    // Of the hundred schemas each is shown where it is used.
    defaultModelsExpandDepth: -1,
    tryItOutEnabled: true,
    // The one there is by default asks a server elsewhere.
    validatorUrl: null,
    persistAuthorization: false,
    requestInterceptor: withProof,
    responseInterceptor: (response) => {
      csrf = response.headers?.[CSRF_HEADER] ?? csrf
      return response
    },
  })
}

applyTheme()
dark.addEventListener('change', applyTheme)
void learnSession().catch(() => undefined)
begin()
