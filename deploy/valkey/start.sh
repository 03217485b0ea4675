#!/bin/sh
# The password goes to the server in a file: its arguments can be read by every process of the container's host.
set -eu
umask 077
cat > /tmp/valkey.conf <<CONFIGURATION
bind * -::*
requirepass $VALKEY_PASSWORD
dir /data
save ""
appendonly yes
appendfsync everysec
aof-load-truncated yes
maxmemory-policy noeviction
CONFIGURATION
# The image's own entrypoint gives up root before it starts the server.
chown valkey /tmp/valkey.conf
exec docker-entrypoint.sh valkey-server /tmp/valkey.conf
