#!/bin/sh
# Fits the model in Fixtures/models/base with CLEX, and prints the perplexity of held-out text at 256 to 2,048 positions.
# Usage, at the top of a clone: docs/reproductions/context/fit.sh FOLDER TEXT...
# FOLDER receives the fits; TEXT are texts or token ids that the base was trained on.
set -eu
folder=$1
shift
base=Fixtures/models/base
tokens=Fixtures/models/text/tokens.safetensors
mkdir -p "$folder"
data=
for file in "$@"; do data="$data --data $file"; done

# The settings of Fixtures/models/clex.
fit() { # NAME OPTIONS...
  name=$1
  shift
  # shellcheck disable=SC2086
  sumac rope fit "$base" $data --max-factor 8 --time-dt 0.05 --steps 1200 "$@" -o "$folder/$name" --quiet
}
fit all --rate 1e-3 --projection-rate 5e-5
fit clex --train clex --rate 1e-4
fit lora --train lora:8 --rate 1e-3 --projection-rate 5e-5
sumac vector apply "$folder/lora/adapter" --base "$folder/lora/model.sumac" -o "$folder/lora.sumac" --force --quiet

# The control: the same steps at the trained length.
cat > "$folder/plain.yaml" <<YAML
steps: 1200
batch: 8
window: 256
optimizer: {name: adamw, rate: 1e-3, betas: [0.9, 0.95], weight_decay: 0.1, decay: matrices}
schedule: {name: cosine, warmup: 36, final: 0.05}
clip: 1
save_every: 100
YAML
# shellcheck disable=SC2086
sumac train run "$base" $data --recipe "$folder/plain.yaml" --bos auto -o "$folder/plain" --quiet

# Prints the perplexity of a model over all positions of the windows.
perplexity() {
  sumac eval "$1" --data "$tokens:$text" --window "$length" --quiet --json |
    sed -n '/"perplexity"/,/}/s/.*"value": \([0-9.]*\).*/\1/p'
}

for text in heldout_prose heldout_tech; do
  for length in 256 512 1024 2048; do
    factor=$((length / 256))
    for model in "$base" "$folder/plain/model.sumac" "$folder/all/model.sumac" "$folder/clex/model.sumac" \
      "$folder/lora.sumac"; do
      printf '%s\t%s\t%s\t' "$text" "$length" "$model"
      perplexity "$model"
    done
    for method in pi ntk yarn; do
      for model in "$base" "$folder/plain/model.sumac"; do
        [ "$factor" -gt 1 ] || continue
        rm -rf "$folder/scaled"
        sumac rope scale "$model" --method "$method" --factor "$factor" -o "$folder/scaled" --quiet
        printf '%s\t%s\t%s %s\t' "$text" "$length" "$model" "$method"
        perplexity "$folder/scaled"
      done
    done
  done
done
