#!/usr/bin/env bash
# Plain curl against the gateway: prints `ok NAME` or `not ok NAME` for each.
set -u
key="authorization: Bearer $CLIENT_KEY"
json="content-type: application/json"
ask='{"model":"%s","messages":[{"role":"user","content":"%s"}],"max_tokens":99%s}'
failed=0

# check NAME STATUS PART CURL-ARGUMENTS...: the status is equal and the body has PART in it.
check() {
  local name=$1 status=$2 part=$3 out
  shift 3
  out=$(curl -sS --max-time 20 -H "$key" -H "$json" -w '\n%{http_code}' "$@" 2>&1)
  if [[ ${out##*$'\n'} == "$status" && $out == *"$part"* ]]; then
    echo "ok $name"
  else
    echo "not ok $name: want $status and $part, got: $out"
    failed=1
  fi
}

# body MODEL TEXT [MORE]
# shellcheck disable=SC2059
body() { printf "$ask" "$1" "$2" "${3-}"; }

for path in /health /livez /readyz /version; do check "GET $path" 200 "" "$GATEWAY_URL$path"; done
for model in ${ENDPOINTS_CHAT//,/ }; do
  check "chat $model" 200 "Echo: Hi" -d "$(body "$model" Hi)" "$GATEWAY_URL/v1/chat/completions"
  check "chat stream $model" 200 "data: [DONE]" -N -d "$(body "$model" Hi ',"stream":true')" "$GATEWAY_URL/v1/chat/completions"
  check "chat over HTTP/2 $model" 200 "Echo: Hi" --http2-prior-knowledge -d "$(body "$model" Hi)" "$GATEWAY_URL/v1/chat/completions"
  check "messages $model" 200 '"end_turn"' -d "$(body "$model" Hi)" "$GATEWAY_URL/v1/messages"
  check "messages stream $model" 200 "event: message_stop" -N -d "$(body "$model" Hi ',"stream":true')" "$GATEWAY_URL/v1/messages"
  check "cohere $model" 200 '"COMPLETE"' -d "$(body "$model" Hi)" "$GATEWAY_URL/v2/chat"
  check "cohere stream $model" 200 "data: [DONE]" -N -d "$(body "$model" Hi ',"stream":true')" "$GATEWAY_URL/v2/chat"
  plain='{"messages":[{"role":"user","content":"Hi"}]}'
  for path in "gateway/$model/invocations" "endpoints/$model/invocations" "llm/v1/chat/$model" "gateway/$model/mlflow/invocations"; do
    # MLflow's URLs speak to Cohere in version 1, which the provider here does not have.
    [[ $model == cohere-* ]] || check "POST /$path" 200 "Echo: Hi" -d "$plain" "$GATEWAY_URL/$path"
  done
  check "provider's mistake $model" 429 "Told to fail" -d "$(body "$model" '!fail 429 id=curl')" "$GATEWAY_URL/v1/chat/completions"
done
for model in ${ENDPOINTS_EMBEDDINGS//,/ }; do
  check "embeddings $model" 200 "0.5" -d "{\"model\":\"$model\",\"input\":\"one\"}" "$GATEWAY_URL/v1/embeddings"
done
for model in ${ENDPOINTS_RERANK//,/ }; do
  for path in rerank v1/rerank v2/rerank cohere/v1/rerank; do
    check "POST /$path $model" 200 '"relevance_score"' -d "{\"model\":\"$model\",\"query\":\"b\",\"documents\":[\"a\",\"b\"],\"top_n\":1}" "$GATEWAY_URL/$path"
  done
done
check "a big prompt that asks first" 200 "Echo: aaaa" -H "expect: 100-continue" -d "$(body openai-chat "$(head -c 100000 /dev/zero | tr '\0' a)")" "$GATEWAY_URL/v1/chat/completions"
check "a gzipped prompt" 200 "Echo: Hi" -H "content-encoding: gzip" --data-binary @<(body openai-chat Hi | gzip) "$GATEWAY_URL/v1/chat/completions"
check "unknown endpoint" 404 "nothing-here" -d "$(body nothing-here Hi)" "$GATEWAY_URL/v1/chat/completions"
check "broken JSON" 400 "error" -d '{"model":' "$GATEWAY_URL/v1/chat/completions"
check "wrong method" 405 "" -X DELETE "$GATEWAY_URL/v1/chat/completions"
check "no such path" 404 "" "$GATEWAY_URL/nowhere"
exit $failed
