#!/usr/bin/env bash
# Makes assets/demo anew: the synthetic capture, a small model of it, an exported scene. Minutes on a GPU, hours without. Run it in the repository's root.
set -euo pipefail
work=${1:-build}
python -m im4d_core synthesize "$work/demo_capture"
python train.py "$work/demo_capture" --output "$work/demo_run" --steps 9000 --rays 4096 --joint-steps 2500 --image-network-every 10 \
    --method.field.spatial 64 128 256 --method.field.temporal 24 24 24 --method.field.channels 8 \
    --method.field.width 32 --method.field.depth 2 --method.field.no-skip \
    --method.proposal.spatial 64 --method.proposal.temporal 24 --method.proposal.channels 8 \
    --method.proposal.width 32 --method.proposal.depth 2 --method.proposal.no-skip \
    --sampling.proposal-samples 48 --sampling.fine-samples 24 --fast.steps 256 --fast.min-weight 0.01
cp assets/demo/path.json "$work/demo_run/path.json"
rm -r assets/demo
python -m im4d_core export "$work/demo_run" assets/demo --without 17 18 # two held-out cameras are enough to compare with
