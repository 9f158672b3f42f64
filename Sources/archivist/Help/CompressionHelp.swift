/// The choices of `--compression`.
enum CompressionHelp {
  static let text = """
    create --compression takes one of these:

      none             stored as it is
      lz4              fast, about half the size; the default
      zstd             better: about a third of the size, at a fraction of the speed
      zstd,LEVEL       levels from -7 (fast) to 22 (small, slow); zstd is zstd,3
      auto,lz4         as lz4, zstd or zstd,LEVEL, but what hardly shrinks
      auto,zstd          is left as it is
      auto,zstd,LEVEL

      archivist create -C zstd,6 repo::{now} /home

    Compression is decided when data is stored for the first time: what the
    repository has already stays as it is. Archives of different compression share
    their data all the same.
    """
}
