#!/bin/bash
# healthcheck PORT [PATH]: exit code 0 where GET http://127.0.0.1:PORT/PATH answers 200. Needs nothing but bash.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "${2:-/readyz}" >&3
read -r -t 2 line <&3 && [[ $line == HTTP/*' 200'* ]]
