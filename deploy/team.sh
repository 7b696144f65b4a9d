#!/bin/sh
# Makes what compose.team.yaml needs and nobody else may have: deploy/.env with random secrets, the key that Prometheus scrapes with, and a
# certificate of an authority of its own, to try it with. It never writes over what is there.
#   sh deploy/team.sh weir.example.com sso.example.com
set -eu
if [ $# -ne 2 ]; then
  echo "usage: sh $0 NAME-OF-WEIR NAME-OF-THE-LOGIN" >&2
  exit 2
fi
for name in "$1" "$2"; do
  case "$name" in
    *[!a-z0-9.-]* | -* | .* | '')
      echo "$name is no host name" >&2
      exit 2
      ;;
  esac
done
cd "$(dirname "$0")"
umask 077
made=compose/made
mkdir -p "$made"
chmod 700 "$made"

if [ -e .env ]; then
  echo ".env is there and stays"
else
  secret() { openssl rand -hex 24; }
  sed -e "s|^WEIR_DOMAIN=.*|WEIR_DOMAIN=$1|" -e "s|^SSO_DOMAIN=.*|SSO_DOMAIN=$2|" .env.example |
    while IFS= read -r line; do
      case "$line" in
        WEIR_MASTER_KEY=) printf '%s%s\n' "$line" "$(openssl rand -base64 32)" ;;
        WEIR_SCRAPE_KEY= | *_PASSWORD= | *_SECRET=) printf '%s%s\n' "$line" "$(secret)" ;;
        *) printf '%s\n' "$line" ;;
      esac
    done >.env
  echo "wrote .env: keep it, above all WEIR_MASTER_KEY"
fi
# The programs in the containers are other users: the files may be read, the folder they lie in may not be entered.
sed -n 's/^WEIR_SCRAPE_KEY=//p' .env | tr -d '\n' >"$made/scrape-key"

if [ -e "$made/tls.crt" ]; then
  echo "$made/tls.crt is there and stays"
else
  key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }
  key "$made/ca.key"
  openssl req -x509 -new -key "$made/ca.key" -days 825 -subj '/CN=Weir trial authority' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -out "$made/ca.crt"
  key "$made/tls.key"
  openssl req -new -key "$made/tls.key" -subj "/CN=$1" -out "$made/tls.csr"
  printf 'subjectAltName=DNS:%s,DNS:%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' "$1" "$2" >"$made/tls.ext"
  openssl x509 -req -in "$made/tls.csr" -CA "$made/ca.crt" -CAkey "$made/ca.key" -CAcreateserial -days 397 \
    -extfile "$made/tls.ext" -out "$made/tls.crt" 2>/dev/null
  rm -f "$made/tls.csr" "$made/tls.ext" "$made/ca.srl"
  echo "wrote $made/ca.crt (trust it where you try), tls.crt and tls.key (put your own in their place)"
fi
# Files of the repository too, whatever the umask it was taken with.
chmod a+r compose/*.* keycloak/* traefik/* jaeger/* prometheus/*
chmod -R a+rX grafana
chmod 644 "$made/scrape-key" "$made/ca.crt" "$made/tls.crt" "$made/tls.key"
