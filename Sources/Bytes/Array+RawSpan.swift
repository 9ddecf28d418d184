extension Array<UInt8> {
    /// The bytes as decoders take them. Safe: a byte has no padding and no invalid value.
    @inlinable
    public var rawSpan: RawSpan {
        @_lifetime(borrow self)
        get { unsafe span.bytes }
    }
}
