#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Ends the cluster that hack/cluster/up.sh started, with everything that belongs
# to it. Only its logs stay, in .work/cluster/logs.
source "$(dirname "$0")/lib.sh"

need_root
one_at_a_time
clear_cluster
say "down"
