public import StoreCrypto

/// Says where the chunks of a content end.
///
/// `fixed,SIZE` cuts every SIZE bytes. `buzhash,MIN_EXP,MAX_EXP,MASK_BITS,WINDOW` cuts where the
/// content says so, in words that only the holder of the keys understands. In what follows a
/// *position* i counts bytes from the start of the chunk, and lies before byte i.
///
/// 1. For each i from 2^MIN_EXP to 2^MAX_EXP − 1, H(i) is the 64-bit cyclic polynomial of the
///    WINDOW bytes that end with byte i − 1:
///
///        H(i) = XOR, over j from 0 to WINDOW − 1, of rotl64(T[byte i − 1 − j], j mod 64)
///
///    T is the table of `ChunkerKeys`.
/// 2. Let p = min(8, MIN_EXP − 9). Position i is a *candidate* when the p least significant bits
///    of H(i) are zero.
/// 3. For a candidate, E = AES-256(prf key, H(i) as 8 bytes, big-endian ‖ 8 zero bytes). Read the
///    first 8 bytes of E as a big-endian number A, the last 8 as B. The candidate is *accepted*
///    when the MASK_BITS − p least significant bits of A are zero.
/// 4. For the first accepted candidate, d is the number in the MIN_EXP − 3 least significant bits
///    of B. The chunk ends at i + d, but not after 2^MAX_EXP.
/// 5. Without an accepted candidate the chunk ends at 2^MAX_EXP.
/// 6. Where the content ends before that, so does the chunk. The next chunk starts where this one
///    ended, and knows nothing of what came before.
///
/// So a content of up to 2^MIN_EXP bytes is one chunk, and is never hashed.
///
/// Why not let the rolling hash decide, as is usual? It is linear: H(i) is a sum of table words
/// over GF(2), and every cut tells whoever observes it MASK_BITS equations about the table. Here
/// AES decides, and one who knows the content does not even learn where the candidate was: in
/// the 2^(MIN_EXP−3) positions before a cut there are 64 candidates or more, on average, and d
/// says which of them it was only to those who have the key.
public struct Chunker: ~Copyable {
  private let parameters: ChunkerParameters
  /// Nothing to search for with chunks of a fixed size.
  private var search: CutSearch?

  /// Makes a chunker that stands at the start of a content.
  ///
  /// - Parameters:
  ///   - parameters: how to cut.
  ///   - keys: what makes the cuts the repository's own.
  /// - Throws: `CryptoError.invalidParameter` for parameters that do not pass `validate`, or a
  ///   key of the wrong length; another `CryptoError` where libcrypto fails.
  public init(parameters: ChunkerParameters, keys: ChunkerKeys) throws(CryptoError) {
    do throws(ChunkerParametersError) {
      try parameters.validate()
    } catch {
      throw .invalidParameter(error.description)
    }
    // In two steps, because what is not copyable cannot be initialized in one branch of several.
    let search = try Self.search(parameters, keys)
    self.parameters = parameters
    self.search = search
  }

  private static func search(
    _ parameters: ChunkerParameters, _ keys: ChunkerKeys
  ) throws(CryptoError) -> CutSearch? {
    guard case .buzhash(let minimum, let maximum, let maskBits, let window) = parameters else {
      return nil
    }
    return try CutSearch(
      minimumExponent: minimum, maximumExponent: maximum, maskBits: maskBits, window: window,
      keys: keys)
  }

  /// Room in which six of seven chunks fit.
  package var usualChunkSize: Int {
    switch parameters {
    case .buzhash(let minimum, let maximum, let maskBits, _):
      // Behind the minimum, lengths are those of a memoryless process.
      min(1 << maximum, 1 << minimum + 2 << maskBits)
    case .fixed(let size): size
    }
  }

  /// Finds the end of the current chunk.
  ///
  /// Call it with everything read since the current chunk's start. When it returns a length, the
  /// next chunk starts behind so many bytes, and the next call has to begin there. When it
  /// returns `nil`, call it again with the same bytes and more of them: it remembers how far it
  /// has looked. Where the cuts fall does not depend on how many bytes come at a time.
  ///
  /// - Parameters:
  ///   - bytes: the content from the start of the current chunk, as far as it has been read.
  ///   - isLast: whether the content ends with `bytes`.
  /// - Returns: the chunk's length, never more than `bytes.count`; `nil` while it is not known,
  ///   and with `isLast` only when `bytes` is empty.
  /// - Throws: `CryptoError` where libcrypto fails; call `reset` before going on.
  public mutating func cut(_ bytes: Span<UInt8>, isLast: Bool) throws(CryptoError) -> Int? {
    guard bytes.count > 0 else { return nil }
    if let end = try end(in: bytes, isLast: isLast), end <= bytes.count {
      reset()
      return end
    }
    guard isLast else { return nil }
    reset()
    return bytes.count
  }

  /// Returns where the chunk ends, perhaps beyond `bytes`, or `nil` if that is not known yet.
  private mutating func end(in bytes: Span<UInt8>, isLast: Bool) throws(CryptoError) -> Int? {
    if isLast, bytes.count <= parameters.minimumChunkSize { return bytes.count }
    guard search != nil else { return parameters.maximumChunkSize }
    return try search?.end(in: bytes)
  }

  /// Forgets what was read of the current chunk: the next call starts another content.
  public mutating func reset() { search?.reset() }
}
