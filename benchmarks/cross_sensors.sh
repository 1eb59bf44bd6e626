#!/usr/bin/env bash
# Two shifts at once: another data set and missing sensors, in both directions between EgoWorld's kitchen and home.
# Writes the tables of docs/sensors.md; 12 minutes on 2 cores.   usage: benchmarks/cross_sensors.sh FOLDER
set -euo pipefail
folder=${1:?give a folder for the world and the runs}

[ -f "$folder/home.yaml" ] || egoshift world make "$folder" --sets kitchen,home
fit=(--set labels=[noun] --set fit.batch_size=32 --set fit.schedule=cosine --set fit.warmup_epochs=2 --set fit.selection=last)
tiny=(--set method.options.preset=tiny --set fit.lr=0.002)

for source in kitchen home; do
  target=$([ "$source" = kitchen ] && echo home || echo kitchen)
  card=$folder/$source.yaml
  egoshift train mmg_audio --on "$card" "${fit[@]}" "${tiny[@]}" --set fit.epochs=30 --out "$folder/runs/audio-$source"
  egoshift train mmg_imu --on "$card" "${fit[@]}" "${tiny[@]}" --set fit.epochs=60 \
    --set 'method.options.options={num_samples: 512}' --out "$folder/runs/imu-$source"
  audio=audio:$folder/runs/audio-$source/models/noun imu=imu:$folder/runs/imu-$source/models/noun
  for set in kitchen home; do
    for encoder in egoworld "$audio" "$imu"; do egoshift extract "$folder/$set.yaml" --encoder "$encoder"; done
  done
  common=(--encoder egoworld --on "$card" --test "$folder/$target.yaml" "${fit[@]}" --set fit.num_frames=4
    --set fit.epochs=30 --set fit.lr=0.0005 --set method.options.width=128 --set streams.video.view=hand
    --set "streams.audio.encoder=$audio" --set "streams.imu.encoder=$imu")
  egoshift train mmg_many_shot "${common[@]}" --out "$folder/runs/many-$source"
  egoshift train xmic_sensors "${common[@]}" --out "$folder/runs/sensors-$source"
  egoshift train xmic_sensors "${common[@]}" --set name=xmic_sensors-shift --set method.options.text_rule=shift \
    --set fit.lr=0.002 --out "$folder/runs/shift-$source"
  for run in many sensors shift; do egoshift evaluate "$folder/runs/$run-$source"; done
done
egoshift tables "$folder/runs" --format md -o "$folder/tables.md"
