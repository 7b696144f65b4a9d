// The page that helps to begin: what this gateway offers, one message to try, and the same as a curl line.
// It uses the public API only, keeps a key in memory alone, and writes text, never markup.

const element = (id) => document.getElementById(id)
let key = ''

function headers() {
  const all = { 'content-type': 'application/json' }
  if (key !== '') all.authorization = `Bearer ${key}`
  return all
}

async function showState() {
  try {
    const answer = await fetch('/readyz')
    const { status } = await answer.json()
    element('state').textContent = status
  } catch {
    element('state').textContent = 'does not answer'
  }
}

async function showModels() {
  const answer = await fetch('/v1/models', { headers: headers() })
  element('key-form').hidden = answer.status !== 401 && key === ''
  const list = element('models')
  const select = element('model')
  list.replaceChildren()
  select.replaceChildren()
  if (!answer.ok) {
    const item = document.createElement('li')
    item.textContent =
      answer.status === 401 ? 'An API key is needed here.' : 'The list could not be read.'
    list.append(item)
    return
  }
  const { data } = await answer.json()
  for (const model of data) {
    const item = document.createElement('li')
    item.textContent = model.id
    list.append(item)
    const option = document.createElement('option')
    option.value = option.textContent = model.id
    select.append(option)
  }
  showCurl()
}

function showCurl() {
  const body = JSON.stringify({
    model: element('model').value,
    messages: [{ role: 'user', content: element('prompt').value }],
  })
  const authorization = key === '' ? '' : " \\\n  -H 'authorization: Bearer YOUR_KEY'"
  const quoted = body.replaceAll("'", String.raw`'\''`)
  element('curl').textContent =
    `curl ${location.origin}/v1/chat/completions \\\n  -H 'content-type: application/json'${authorization} \\\n  -d '${quoted}'`
}

async function ask(event) {
  event.preventDefault()
  const output = element('answer')
  output.textContent = ''
  const answer = await fetch('/v1/chat/completions', {
    method: 'POST',
    headers: headers(),
    body: JSON.stringify({
      model: element('model').value,
      stream: true,
      messages: [{ role: 'user', content: element('prompt').value }],
    }),
  })
  if (!answer.ok) {
    const { error } = await answer.json()
    output.textContent = error.message
    return
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split('\n')
    rest = lines.pop()
    for (const line of lines) output.textContent += pieceOf(line)
  }
}

function pieceOf(line) {
  if (!line.startsWith('data: {')) return ''
  const chunk = JSON.parse(line.slice('data: '.length))
  if (chunk.error) return `\n${chunk.error.message}`
  return chunk.choices?.[0]?.delta?.content ?? ''
}

element('key-form').addEventListener('submit', (event) => {
  event.preventDefault()
  key = element('key').value.trim()
  void showModels()
})
element('ask-form').addEventListener('submit', (event) => void ask(event))
element('model').addEventListener('change', showCurl)
element('prompt').addEventListener('input', showCurl)
void showState()
void showModels()
