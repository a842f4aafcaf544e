# Where the peers from the npm registry lie; read by the scripts beside it.
# One version of each, known by its octets: what they do does not change by
# itself, and nobody can put another program under their names.
# shellcheck shell=bash disable=SC2034
AXE_VERSION=4.14.1
AXE_SHA256=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
SMPP_VERSION=0.5.1
SMPP_SHA256=3a88a8349e5aee7dedb0f22a850dbd6b828e56e9e104c76b2620510f991cdeb5
ICONV_VERSION=0.6.3
ICONV_SHA256=7127ec148f994f031eff658a50dc0629f6010775a8202213b0526ec5e30fc8f4
SAFER_VERSION=2.1.2
SAFER_SHA256=78812f65ae3b98071ce1c9bacbe0666f4220d0b2753c2a11530eb27df440a3b3
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/gatepost
export GATEPOST_AXE=${GATEPOST_AXE:-$cache/axe-core-$AXE_VERSION/axe.min.js}
export GATEPOST_NODE_SMPP=${GATEPOST_NODE_SMPP:-$cache/node-smpp-$SMPP_VERSION}

axe_is_here() { [ -s "$GATEPOST_AXE" ]; }
smpp_is_here() { [ -s "$GATEPOST_NODE_SMPP/node_modules/smpp/package.json" ]; }
