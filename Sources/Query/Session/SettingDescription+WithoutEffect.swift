extension SettingDescription {
    /// What scripts and dumps set and no result depends on, with the standard values: PostgreSQL's
    /// planner and storage, then RisingWave's.
    static let withoutEffect: [String: String] = [
        "check_function_bodies": "on", "default_table_access_method": "heap",
        "default_tablespace": "", "default_toast_compression": "pglz", "default_with_oids": "off",
        "effective_cache_size": "4GB", "enable_async_append": "on", "enable_bitmapscan": "on",
        "enable_gathermerge": "on", "enable_hashagg": "on", "enable_hashjoin": "on",
        "enable_incremental_sort": "on", "enable_indexonlyscan": "on", "enable_indexscan": "on",
        "enable_material": "on", "enable_memoize": "on", "enable_mergejoin": "on",
        "enable_nestloop": "on", "enable_parallel_append": "on", "enable_parallel_hash": "on",
        "enable_partition_pruning": "on", "enable_partitionwise_aggregate": "off",
        "enable_partitionwise_join": "off", "enable_seqscan": "on", "enable_sort": "on",
        "enable_tidscan": "on", "force_parallel_mode": "off", "from_collapse_limit": "8",
        "geqo": "on", "hash_mem_multiplier": "2", "jit": "on", "join_collapse_limit": "8",
        "log_min_messages": "warning", "log_statement": "none", "maintenance_work_mem": "64MB",
        "max_parallel_workers": "8", "max_parallel_workers_per_gather": "2",
        "min_parallel_index_scan_size": "512kB", "min_parallel_table_scan_size": "8MB",
        "parallel_leader_participation": "on", "parallel_setup_cost": "1000",
        "parallel_tuple_cost": "0.1", "plan_cache_mode": "auto", "random_page_cost": "4",
        "row_security": "on", "seq_page_cost": "1", "synchronous_commit": "on",
        "temp_buffers": "8MB", "track_functions": "none", "xmloption": "content",
        "background_ddl": "false", "batch_parallelism": "default",
        "create_compaction_group_for_mv": "false", "implicit_flush": "false",
        "query_mode": "auto", "sink_decouple": "default", "streaming_enable_delta_join": "false",
        "streaming_parallelism": "default", "streaming_use_arrangement_backfill": "true",
        "streaming_use_snapshot_backfill": "true", "visibility_mode": "default",
    ]
}
