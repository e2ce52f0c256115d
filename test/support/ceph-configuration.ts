import { join } from 'node:path';

export interface CephPorts {
  gateway: number;
  /** Of the monitor's two protocols: the second version first. */
  monitor: readonly number[];
  /** The first of a range in which the store takes those that are free. */
  store: number;
}

/**
 * One monitor, one store in memory and one gateway, on loopback only and without authentication among themselves
 * (`ms_mon_*_mode = crc`, or the gateway is refused with error -13).
 */
export function cephConfiguration(cluster: { directory: string; fsid: string; ports: CephPorts }): string {
  const { directory, fsid, ports } = cluster;
  const [v2, v1] = ports.monitor.map(String);
  return `[global]
fsid = ${fsid}
mon_initial_members = a
mon_host = [v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
ms_bind_port_min = ${ports.store}
ms_bind_port_max = ${ports.store + 100}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_supported = none
ms_mon_client_mode = crc
ms_mon_service_mode = crc
ms_mon_cluster_mode = crc
run_dir = ${join(directory, 'run')}
admin_socket = ${join(directory, 'run')}/$name.asok
log_file = /dev/null
crash_dir = ${join(directory, 'crash')}
log_to_stderr = false
err_to_stderr = true
keyring = ${join(directory, 'keyring')}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
# Cuts the start from 12 s to 2 s.
paxos_propose_interval = 0.05
paxos_min_wait = 0.02
mon_tick_interval = 1
osd_tick_interval = 0.3
mon_max_pg_per_osd = 2000
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_allow_pool_delete = true
[mon]
mon_data = ${join(directory, 'mon')}
mon_data_avail_crit = 1
mon_data_avail_warn = 2
[osd]
osd_data = ${join(directory, 'osd')}
osd_objectstore = memstore
memstore_device_bytes = ${8 * 2 ** 30}
osd_class_update_on_start = true
osd_max_object_name_len = 2048
osd_op_queue = wpq
[client.rgw.a]
rgw_data = ${join(directory, 'rgw')}
# Without tcp_nodelay a small request takes 48 ms instead of 5.
rgw_frontends = beast endpoint=127.0.0.1:${ports.gateway} tcp_nodelay=1
rgw_enable_usage_log = false
rgw_enable_ops_log = false
rgw_thread_pool_size = 64
# What was removed is collected soon, because it takes memory until then.
rgw_gc_obj_min_wait = 5
rgw_gc_processor_period = 10
rgw_gc_processor_max_time = 10
rgw_dynamic_resharding = false
rgw_s3_auth_use_sts = false
`;
}
