import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A mutual exclusion lock over pthread_mutex.
///
/// Not `Synchronization.Mutex`: ThreadSanitizer does not see that one on Linux and reports races
/// that are none. Never held across a suspension.
@safe public final class Lock: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    public init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    @inline(__always)
    public func withLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }

    public func lock() { unsafe pthread_mutex_lock(mutex) }
    public func unlock() { unsafe pthread_mutex_unlock(mutex) }

    /// Waits on `condition`, giving the lock up meanwhile; the caller holds it.
    public func wait(_ condition: Condition) {
        unsafe pthread_cond_wait(condition.condition, mutex)
    }

    /// The same for at most so long; false when the time is over.
    public func wait(_ condition: Condition, nanoseconds: Int64) -> Bool {
        #if canImport(Darwin)
            var span = timespec(
                tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            return unsafe pthread_cond_timedwait_relative_np(condition.condition, mutex, &span) == 0
        #else
            var until = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &until)
            let total = Int64(until.tv_nsec) + nanoseconds
            until.tv_sec += Int(total / 1_000_000_000)
            until.tv_nsec = Int(total % 1_000_000_000)
            return unsafe pthread_cond_timedwait(condition.condition, mutex, &until) == 0
        #endif
    }
}

/// A condition variable for threads that wait under a `Lock`.
@safe public final class Condition: @unchecked Sendable {
    fileprivate let condition: UnsafeMutablePointer<pthread_cond_t>

    public init() {
        unsafe condition = .allocate(capacity: 1)
        unsafe condition.initialize(to: pthread_cond_t())
        #if canImport(Darwin)
            unsafe pthread_cond_init(condition, nil)
        #else
            // Timed waits must not follow a wall clock that is set.
            var attributes = pthread_condattr_t()
            unsafe pthread_condattr_init(&attributes)
            unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            unsafe pthread_cond_init(condition, &attributes)
            unsafe pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe condition.deallocate()
    }

    public func signal() { unsafe pthread_cond_signal(condition) }
    public func broadcast() { unsafe pthread_cond_broadcast(condition) }
}
