extension Array<UInt8> {
    /// The array's bytes as every decoder takes them. Safe: a byte has no padding and no invalid value.
    @inlinable
    public var rawSpan: RawSpan {
        @_lifetime(borrow self)
        get { unsafe span.bytes }
    }
}
