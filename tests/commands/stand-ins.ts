// Programs that the pages' commands call and that a test must not, or cannot, run for real: each judges what it was given as far as the
// real one would without a daemon, a cluster or an account, and hands on to the real Weir whatever is meant for it. They are said to be
// stand-ins; what they stand for was not run.

/** Ends with what was wrong with the call. */
const REFUSE = 'refuse() { echo "stand-in: $*" >&2; exit 64; }'

const shell = (...lines: readonly string[]) =>
  ['#!/bin/bash', 'set -e', REFUSE, ...lines, ''].join('\n')

/** Of a tool that reads the address and the key from its environment, and asks for one answer. */
const codingTool = (...checks: readonly string[]) =>
  shell(...checks, 'curl --silent --output /dev/null http://127.0.0.1:9347/v1/models')

export const STAND_INS: Readonly<Record<string, string>> = {
  // The server of the page runs already; what follows without end is followed for a moment.
  weir: shell(
    'case " $* " in',
    '  " "|" serve "*) exec curl --silent --output /dev/null http://127.0.0.1:9347/health ;;',
    '  *" service stop "*) kill "$WEIR_SERVER"; while kill -0 "$WEIR_SERVER" 2>/dev/null; do sleep 0.1; done; exit 0 ;;',
    '  *" --follow "*) status=0; timeout 3 "$WEIR_REAL" "$@" || status=$?; [ $status = 124 ] && exit 0; exit $status ;;',
    'esac',
    'exec "$WEIR_REAL" "$@"',
  ),
  // A page waits the second within which a change is in force: on a machine that does other work it is not over by then.
  sleep: shell('real=$(type -ap sleep | sed -n 2p)', 'for _ in 1 2 3 4; do "$real" "$@"; done'),
  // The names of the pages are this machine; a status of 400 and above fails. An identity provider gives a key for a token.
  curl: shell(
    'real=$(type -ap curl | sed -n 2p)',
    'args=()',
    'for arg in "$@"; do',
    '  case "$arg" in',
    '    https://login.microsoftonline.com/*|https://sso.example.com/*)',
    '      printf \'{"access_token":"%s"}\' "$("$WEIR_REAL" keys create "token-$RANDOM$RANDOM")"; sleep 1; exit 0 ;;',
    '    https://weir.example.com*) arg="http://127.0.0.1:9347${arg#https://weir.example.com}" ;;',
    '    https://*) refuse "no page sends its reader to $arg" ;;',
    '  esac',
    '  args+=("$arg")',
    'done',
    'exec "$real" --fail-with-body --silent --show-error --max-time 20 "${args[@]}"',
  ),
  az: shell(
    '[ "$1 $2" = "account get-access-token" ] || refuse "az $*"',
    '"$WEIR_REAL" keys create "token-$RANDOM$RANDOM"; sleep 1',
  ),
  // The scripts themselves run in CI; here they must be there, in the runtime's own version.
  npx: shell(
    'version=$("$BUN_REAL" --version)',
    '[ "$1 $2" = "-y bun@$version" ] || refuse "npx $*: not bun@$version"',
    'shift 2; exec bun "$@"',
  ),
  bun: shell(
    'if [ "$1" = test ]; then [ -f "$WEIR_ROOT/$2" ] || refuse "there is no test $2"; exit 0; fi',
    '[ "$1" = run ] && shift',
    'grep -q "^    \\"$1\\": " "$WEIR_ROOT/package.json" || refuse "package.json has no script $1"',
  ),
  docker: shell(
    'case "$1" in',
    '  build) [ "$2" = -f ] && [ -f "$3" ] || refuse "docker $*" ;;',
    '  run|logs|cp|stop|restart|pull) [ $# -ge 2 ] || refuse "docker $*" ;;',
    // The folder of the volume is this one.
    '  exec) [ "$2 $3" = "weir weir" ] || refuse "docker $*"; shift 3; exec "$WEIR_REAL" "${@//\\/data\\//./}" ;;',
    '  compose)',
    '    [ "$2" = -f ] && [ -f "$3" ] || refuse "docker $*"; file=$3; shift 3',
    '    case "$1" in',
    '      up|logs|restart|stop|down|pull|ps|config) ;;',
    '      exec) shift; grep -q "^  $1:" "$file" || refuse "no service $1"; shift; [ "$1" = weir ] || refuse "exec $*"; shift; exec "$WEIR_REAL" "$@" ;;',
    '      *) refuse "docker compose $*" ;;',
    '    esac',
    '    for arg in "$@"; do case "$arg" in weir*) grep -q "^  $arg:" "$file" || refuse "no service $arg" ;; esac; done ;;',
    '  *) refuse "docker $*" ;;',
    'esac',
  ),
  kubectl: shell(
    'if [ "$1" = -n ]; then shift 2; fi',
    'case "$1" in',
    '  create|get|logs|rollout|delete|port-forward|wait|scale) [ $# -ge 2 ] || refuse "kubectl $*" ;;',
    '  apply) [ "$2" = -k ] || [ "$2" = -f ] || refuse "kubectl $*"; [ -e "$3" ] || refuse "there is no $3" ;;',
    '  exec) shift; while [ "$1" != -- ]; do shift || refuse exec; done; [ "$2" = /weir ] || refuse "exec $*"; shift 2; exec "$WEIR_REAL" "$@" ;;',
    '  *) refuse "kubectl $*" ;;',
    'esac',
  ),
  // Where the real one is in the cache, it renders the chart with the very values of the page.
  helm: shell(
    'namespace=default; if [ "$1" = -n ]; then namespace=$2; shift 2; fi',
    'command=$1; shift',
    'case "$command" in',
    '  install|upgrade|template)',
    '    args=()',
    '    for arg in "$@"; do case "$arg" in --reset-then-reuse-values|--install|--atomic|--wait) ;; *) args+=("$arg") ;; esac; done',
    '    case " $* " in *" --reset-then-reuse-values "*) args+=(--set storage.type=sqlite,image.repository=registry.example.com/weir) ;; esac',
    '    [ -d "$2" ] || refuse "there is no chart at $2"',
    '    [ -z "$HELM_REAL" ] || exec "$HELM_REAL" template --namespace "$namespace" --kube-version 1.32.0 "${args[@]}" > /dev/null ;;',
    '  test|history|rollback|uninstall|status|lint|package) [ $# -ge 1 ] || refuse "helm $command" ;;',
    '  *) refuse "helm $command $*" ;;',
    'esac',
  ),
  gh: shell('[ "$1 $2" = "attestation verify" ] || refuse "gh $*"'),
  // Nothing of this machine is changed: what would be is asked for, or told.
  sudo: shell(
    'case "$1 $2" in',
    '  "install "*) [ -f "$2" ] || refuse "there is no $2"; case "$3" in /usr/local/bin/*) ;; *) refuse "sudo $*" ;; esac ;;',
    // Its options are there; the files and the rights of a whole machine are not.
    '  "weir service") help=$(weir "$2" "$3" --help); for arg in "$@"; do case "$arg" in --*) grep -q -e "$arg" <<< "$help" || refuse "sudo $*" ;; esac; done ;;',
    '  *) refuse "sudo $*" ;;',
    'esac',
  ),
  claude: codingTool(
    '[ "$ANTHROPIC_BASE_URL" = http://127.0.0.1:9347 ] || refuse "ANTHROPIC_BASE_URL"',
  ),
  aider: codingTool(
    '[ "$OPENAI_API_BASE" = http://127.0.0.1:9347/v1 ] || refuse "OPENAI_API_BASE"',
  ),
  codex: codingTool(),
  opencode: codingTool(),
  cn: codingTool(),
  llm: codingTool(),
  systemctl: shell(
    '[ "$1" = --user ] && shift; case "$1" in status|start|stop|restart|enable) ;; *) refuse "systemctl $*" ;; esac',
  ),
  loginctl: shell('[ "$1" = enable-linger ] || refuse "loginctl $*"'),
  journalctl: shell('true'),
}
