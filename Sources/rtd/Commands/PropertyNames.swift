/// The names of properties that Kafka's own clients, librdkafka and Kafka's brokers document. They
/// are kept as text and split when a property is looked up, so that they cost a start nothing.
enum PropertyNames {
    /// Clients: librdkafka's CONFIGURATION.md without the callbacks, and the producer, consumer
    /// and admin configurations of Kafka 4.
    static var client: [String] {
        clientText.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// Brokers and topics, as Kafka 4 documents them; without ZooKeeper's.
    static var broker: [String] {
        brokerText.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// Whether it belongs to what shares a file with a Kafka client: serializers and their schema
    /// registry, Kafka Streams and Connect, Confluent's and Spring's additions.
    static func isForeign(_ name: String) -> Bool {
        guard !client.contains(name) else { return false }
        return foreignPrefixes.contains { name.hasPrefix($0) } || foreign.contains(name)
    }

    private static let foreignPrefixes = [
        "schema.registry.", "basic.auth.", "bearer.auth.", "confluent.", "avro.", "json.",
        "protobuf.", "specific.", "key.converter", "value.converter", "producer.", "consumer.",
        "admin.", "spring.", "default.deserialization.", "default.key.", "default.value.",
        "rule.", "rules.", "apicurio.",
    ]
    private static let foreign: Set = [
        "application.id", "application.server", "auto.register.schemas", "use.latest.version",
        "use.latest.with.metadata", "use.schema.id", "latest.compatibility.strict",
        "latest.cache.size", "latest.cache.ttl.sec", "normalize.schemas", "id.compatibility.strict",
        "max.schemas.per.subject", "key.subject.name.strategy", "value.subject.name.strategy",
        "schema.reflection", "reference.subject.name.strategy", "num.stream.threads",
        "processing.guarantee", "state.dir", "commit.interval.ms", "replication.factor",
        "statestore.cache.max.bytes", "proxy.host", "proxy.port",
    ]

    private static let clientText: String = """
        acks allow.auto.create.topics api.version.fallback.ms api.version.request
        api.version.request.timeout.ms auto.commit.enable auto.commit.interval.ms
        auto.include.jmx.reporter auto.offset.reset batch.num.messages batch.size
        bootstrap.controllers bootstrap.servers broker.address.family broker.address.ttl
        broker.version.fallback buffer.memory builtin.features check.crcs client.dns.lookup
        client.id client.rack compression.codec compression.gzip.level compression.level
        compression.lz4.level compression.type compression.zstd.level config.providers
        connections.max.idle.ms consume.callback.max.messages coordinator.query.interval.ms
        debug default.api.timeout.ms delivery.report.only.error delivery.timeout.ms
        enable.auto.commit enable.auto.offset.store enable.gapless.guarantee
        enable.idempotence enable.metrics.push enable.partition.eof enable.random.seed
        enable.sasl.oauthbearer.unsecure.jwt enable.ssl.certificate.verification
        enabled_events exclude.internal.topics fetch.error.backoff.ms fetch.max.bytes
        fetch.max.wait.ms fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms
        fetch.wait.max.ms group.id group.instance.id group.protocol group.protocol.type
        group.remote.assignor heartbeat.interval.ms https.ca.location https.ca.pem
        interceptor.classes internal.leave.group.on.close internal.termination.signal
        internal.throw.on.fetch.stable.offset.unsupported isolation.level key.deserializer
        key.serializer linger.ms log.connection.close log.queue log.thread.name log_level
        max.block.ms max.in.flight max.in.flight.requests.per.connection
        max.partition.fetch.bytes max.poll.interval.ms max.poll.records max.request.size
        message.copy.max.bytes message.max.bytes message.send.max.retries message.timeout.ms
        metadata.broker.list metadata.max.age.ms metadata.max.idle.ms
        metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters
        metrics.num.samples metrics.recording.level metrics.sample.window.ms
        offset.store.method offset.store.path offset.store.sync.interval.ms
        partition.assignment.strategy partitioner partitioner.adaptive.partitioning.enable
        partitioner.availability.timeout.ms partitioner.class partitioner.ignore.keys
        plugin.library.paths produce.offset.report queue.buffering.backpressure.threshold
        queue.buffering.max.kbytes queue.buffering.max.messages queue.buffering.max.ms
        queued.max.messages.kbytes queued.min.messages queuing.strategy rebalance.timeout.ms
        receive.buffer.bytes receive.message.max.bytes reconnect.backoff.jitter.ms
        reconnect.backoff.max.ms reconnect.backoff.ms request.required.acks
        request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms
        sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.keytab
        sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
        sasl.kerberos.principal sasl.kerberos.service.name sasl.kerberos.ticket.renew.jitter
        sasl.kerberos.ticket.renew.window.factor sasl.login.callback.handler.class
        sasl.login.class sasl.login.connect.timeout.ms sasl.login.read.timeout.ms
        sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds
        sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
        sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms sasl.mechanism
        sasl.mechanisms sasl.oauthbearer.assertion.algorithm
        sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds
        sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include
        sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub
        sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.jwt.template.file
        sasl.oauthbearer.assertion.private.key.file
        sasl.oauthbearer.assertion.private.key.passphrase
        sasl.oauthbearer.assertion.private.key.pem
        sasl.oauthbearer.client.credentials.client.id
        sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.client.id
        sasl.oauthbearer.client.secret sasl.oauthbearer.clock.skew.seconds
        sasl.oauthbearer.config sasl.oauthbearer.expected.audience
        sasl.oauthbearer.expected.issuer sasl.oauthbearer.extensions
        sasl.oauthbearer.grant.type sasl.oauthbearer.header.urlencode
        sasl.oauthbearer.jwks.endpoint.refresh.ms
        sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
        sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
        sasl.oauthbearer.metadata.authentication.type sasl.oauthbearer.method
        sasl.oauthbearer.scope sasl.oauthbearer.scope.claim.name
        sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url sasl.password
        sasl.username security.protocol security.providers send.buffer.bytes
        session.timeout.ms share.acknowledgement.mode socket.blocking.max.ms
        socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
        socket.keepalive.enable socket.max.fails socket.nagle.disable
        socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms
        ssl.ca.certificate.stores ssl.ca.location ssl.ca.pem ssl.certificate.location
        ssl.certificate.pem ssl.cipher.suites ssl.crl.location ssl.curves.list
        ssl.enabled.protocols ssl.endpoint.identification.algorithm ssl.engine.factory.class
        ssl.engine.id ssl.engine.location ssl.key.location ssl.key.password ssl.key.pem
        ssl.keymanager.algorithm ssl.keystore.certificate.chain ssl.keystore.key
        ssl.keystore.location ssl.keystore.password ssl.keystore.type ssl.protocol
        ssl.provider ssl.providers ssl.secure.random.implementation ssl.sigalgs.list
        ssl.trustmanager.algorithm ssl.truststore.certificates ssl.truststore.location
        ssl.truststore.password ssl.truststore.type statistics.interval.ms
        sticky.partitioning.linger.ms topic.blacklist topic.metadata.propagation.max.ms
        topic.metadata.refresh.fast.cnt topic.metadata.refresh.fast.interval.ms
        topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse
        transaction.timeout.ms transactional.id value.deserializer value.serializer
        """

    private static let brokerText: String = """
        advertised.listeners allow.everyone.if.no.acl.found alter.config.policy.class.name
        alter.log.dirs.replication.quota.window.num
        alter.log.dirs.replication.quota.window.size.seconds authorizer.class.name
        auto.create.topics.enable auto.include.jmx.reporter auto.leader.rebalance.enable
        background.threads broker.heartbeat.interval.ms broker.id
        broker.id.generation.enable broker.rack broker.session.timeout.ms cleanup.policy
        client.quota.callback.class compression.gzip.level compression.lz4.level
        compression.type compression.zstd.level connection.failed.authentication.delay.ms
        connections.max.idle.ms connections.max.reauth.ms consumer.heartbeat.interval.ms
        consumer.session.timeout.ms control.plane.listener.name controlled.shutdown.enable
        controlled.shutdown.max.retries controlled.shutdown.retry.backoff.ms
        controller.listener.names controller.quorum.append.linger.ms
        controller.quorum.auto.join.enable controller.quorum.bootstrap.servers
        controller.quorum.election.backoff.max.ms controller.quorum.election.timeout.ms
        controller.quorum.fetch.timeout.ms controller.quorum.request.timeout.ms
        controller.quorum.retry.backoff.ms controller.quorum.voters
        controller.quota.window.num controller.quota.window.size.seconds
        controller.socket.timeout.ms create.topic.policy.class.name
        default.replication.factor delegation.token.expiry.check.interval.ms
        delegation.token.expiry.time.ms delegation.token.max.lifetime.ms
        delegation.token.secret.key delete.records.purgatory.purge.interval.requests
        delete.retention.ms delete.topic.enable early.start.listeners
        eligible.leader.replicas.enable fetch.max.bytes
        fetch.purgatory.purge.interval.requests file.delete.delay.ms flush.messages flush.ms
        follower.replication.throttled.replicas group.consumer.assignors
        group.consumer.heartbeat.interval.ms group.consumer.max.heartbeat.interval.ms
        group.consumer.max.session.timeout.ms group.consumer.max.size
        group.consumer.migration.policy group.consumer.min.heartbeat.interval.ms
        group.consumer.min.session.timeout.ms group.consumer.regex.refresh.interval.ms
        group.consumer.session.timeout.ms group.coordinator.append.linger.ms
        group.coordinator.new.enable group.coordinator.rebalance.protocols
        group.coordinator.threads group.initial.rebalance.delay.ms
        group.max.session.timeout.ms group.max.size group.min.session.timeout.ms
        group.share.delivery.count.limit group.share.enable
        group.share.heartbeat.interval.ms group.share.max.groups
        group.share.max.heartbeat.interval.ms group.share.max.record.lock.duration.ms
        group.share.max.session.timeout.ms group.share.max.size
        group.share.min.heartbeat.interval.ms group.share.min.record.lock.duration.ms
        group.share.min.session.timeout.ms group.share.partition.max.record.locks
        group.share.record.lock.duration.ms group.share.session.timeout.ms
        index.interval.bytes initial.broker.registration.timeout.ms
        inter.broker.listener.name inter.broker.protocol.version
        kafka.metrics.polling.interval.secs kafka.metrics.reporters
        leader.imbalance.check.interval.seconds leader.imbalance.per.broker.percentage
        leader.replication.throttled.replicas listener.security.protocol.map listeners
        local.retention.bytes local.retention.ms log.cleaner.backoff.ms
        log.cleaner.dedupe.buffer.size log.cleaner.delete.retention.ms log.cleaner.enable
        log.cleaner.io.buffer.load.factor log.cleaner.io.buffer.size
        log.cleaner.io.max.bytes.per.second log.cleaner.max.compaction.lag.ms
        log.cleaner.min.cleanable.ratio log.cleaner.min.compaction.lag.ms
        log.cleaner.threads log.cleanup.policy log.dir log.dir.failure.timeout.ms log.dirs
        log.flush.interval.messages log.flush.interval.ms
        log.flush.offset.checkpoint.interval.ms log.flush.scheduler.interval.ms
        log.flush.start.offset.checkpoint.interval.ms log.index.interval.bytes
        log.index.size.max.bytes log.initial.task.delay.ms log.local.retention.bytes
        log.local.retention.ms log.message.downconversion.enable log.message.format.version
        log.message.timestamp.after.max.ms log.message.timestamp.before.max.ms
        log.message.timestamp.difference.max.ms log.message.timestamp.type log.preallocate
        log.retention.bytes log.retention.check.interval.ms log.retention.hours
        log.retention.minutes log.retention.ms log.roll.hours log.roll.jitter.hours
        log.roll.jitter.ms log.roll.ms log.segment.bytes log.segment.delete.delay.ms
        max.compaction.lag.ms max.connection.creation.rate max.connections
        max.connections.per.ip max.connections.per.ip.overrides
        max.incremental.fetch.session.cache.slots max.message.bytes
        max.request.partition.size.limit message.downconversion.enable
        message.format.version message.max.bytes message.timestamp.after.max.ms
        message.timestamp.before.max.ms message.timestamp.difference.max.ms
        message.timestamp.type metadata.log.dir
        metadata.log.max.record.bytes.between.snapshots
        metadata.log.max.snapshot.interval.ms metadata.log.segment.bytes
        metadata.log.segment.min.bytes metadata.log.segment.ms metadata.max.idle.interval.ms
        metadata.max.retention.bytes metadata.max.retention.ms metric.reporters
        metrics.num.samples metrics.recording.level metrics.sample.window.ms
        min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas node.id
        num.io.threads num.network.threads num.partitions num.recovery.threads.per.data.dir
        num.replica.alter.log.dirs.threads num.replica.fetchers offset.metadata.max.bytes
        offsets.commit.required.acks offsets.commit.timeout.ms offsets.load.buffer.size
        offsets.retention.check.interval.ms offsets.retention.minutes
        offsets.topic.compression.codec offsets.topic.num.partitions
        offsets.topic.replication.factor offsets.topic.segment.bytes
        password.encoder.cipher.algorithm password.encoder.iterations
        password.encoder.key.length password.encoder.keyfactory.algorithm
        password.encoder.old.secret password.encoder.secret preallocate
        principal.builder.class process.roles producer.id.expiration.check.interval.ms
        producer.id.expiration.ms producer.purgatory.purge.interval.requests
        queued.max.request.bytes queued.max.requests quota.consumer.default
        quota.producer.default quota.window.num quota.window.size.seconds
        remote.fetch.max.wait.ms remote.list.offsets.request.timeout.ms
        remote.log.copy.disable remote.log.delete.on.disable
        remote.log.index.file.cache.total.size.bytes
        remote.log.manager.copier.thread.pool.size
        remote.log.manager.copy.max.bytes.per.second
        remote.log.manager.copy.quota.window.num
        remote.log.manager.copy.quota.window.size.seconds
        remote.log.manager.expiration.thread.pool.size
        remote.log.manager.fetch.max.bytes.per.second
        remote.log.manager.fetch.quota.window.num
        remote.log.manager.fetch.quota.window.size.seconds
        remote.log.manager.task.interval.ms remote.log.manager.task.retry.backoff.max.ms
        remote.log.manager.task.retry.backoff.ms remote.log.manager.task.retry.jitter
        remote.log.manager.thread.pool.size remote.log.metadata.consume.wait.ms
        remote.log.metadata.custom.metadata.max.bytes
        remote.log.metadata.initialization.retry.interval.ms
        remote.log.metadata.initialization.retry.max.timeout.ms
        remote.log.metadata.manager.class.name remote.log.metadata.manager.class.path
        remote.log.metadata.manager.impl.prefix remote.log.metadata.manager.listener.name
        remote.log.metadata.topic.num.partitions
        remote.log.metadata.topic.replication.factor remote.log.metadata.topic.retention.ms
        remote.log.reader.max.pending.tasks remote.log.reader.threads
        remote.log.storage.manager.class.name remote.log.storage.manager.class.path
        remote.log.storage.manager.impl.prefix remote.log.storage.system.enable
        remote.storage.enable replica.alter.log.dirs.io.max.bytes.per.second
        replica.fetch.backoff.ms replica.fetch.max.bytes replica.fetch.min.bytes
        replica.fetch.response.max.bytes replica.fetch.wait.max.ms
        replica.high.watermark.checkpoint.interval.ms replica.lag.time.max.ms
        replica.selector.class replica.socket.receive.buffer.bytes replica.socket.timeout.ms
        replication.quota.window.num replication.quota.window.size.seconds
        request.timeout.ms reserved.broker.max.id retention.bytes retention.ms
        sasl.client.callback.handler.class sasl.enabled.mechanisms sasl.jaas.config
        sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
        sasl.kerberos.principal.to.local.rules sasl.kerberos.service.name
        sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor
        sasl.login.callback.handler.class sasl.login.class sasl.login.connect.timeout.ms
        sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
        sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor
        sasl.login.refresh.window.jitter sasl.login.retry.backoff.max.ms
        sasl.login.retry.backoff.ms sasl.mechanism sasl.mechanism.controller.protocol
        sasl.mechanism.inter.broker.protocol sasl.oauthbearer.clock.skew.seconds
        sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer
        sasl.oauthbearer.header.urlencode sasl.oauthbearer.jwks.endpoint.refresh.ms
        sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
        sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
        sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name
        sasl.oauthbearer.token.endpoint.url sasl.server.callback.handler.class
        sasl.server.max.receive.size security.inter.broker.protocol segment.bytes
        segment.index.bytes segment.jitter.ms segment.ms server.max.startup.time.ms
        share.coordinator.append.linger.ms share.coordinator.load.buffer.size
        share.coordinator.snapshot.update.records.per.snapshot
        share.coordinator.state.topic.compression.codec
        share.coordinator.state.topic.min.isr share.coordinator.state.topic.num.partitions
        share.coordinator.state.topic.replication.factor
        share.coordinator.state.topic.segment.bytes share.coordinator.threads
        share.coordinator.write.timeout.ms share.fetch.max.fetch.records
        share.fetch.purgatory.purge.interval.requests share.heartbeat.interval.ms
        share.record.lock.duration.ms share.session.timeout.ms
        socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
        socket.listen.backlog.size socket.receive.buffer.bytes socket.request.max.bytes
        socket.send.buffer.bytes ssl.cipher.suites ssl.client.auth ssl.enabled.protocols
        ssl.endpoint.identification.algorithm ssl.engine.factory.class ssl.key.password
        ssl.keymanager.algorithm ssl.keystore.certificate.chain ssl.keystore.key
        ssl.keystore.location ssl.keystore.password ssl.keystore.type
        ssl.principal.mapping.rules ssl.protocol ssl.provider
        ssl.secure.random.implementation ssl.trustmanager.algorithm
        ssl.truststore.certificates ssl.truststore.location ssl.truststore.password
        ssl.truststore.type super.users telemetry.max.bytes
        transaction.abort.timed.out.transaction.cleanup.interval.ms
        transaction.max.timeout.ms transaction.partition.verification.enable
        transaction.remove.expired.transaction.cleanup.interval.ms
        transaction.state.log.load.buffer.size transaction.state.log.min.isr
        transaction.state.log.num.partitions transaction.state.log.replication.factor
        transaction.state.log.segment.bytes transaction.two.phase.commit.enable
        transactional.id.expiration.ms unclean.leader.election.enable
        unclean.leader.election.interval.ms
        """
}
