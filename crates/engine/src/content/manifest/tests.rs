use super::*;

type TestResult = Result<(), BadManifest>;

const SHAPE: Shape = Shape {
    fanout: 4,
    ..Shape::V1
};

fn chunk(n: u8, len: u32) -> ChunkRef {
    ChunkRef {
        blob: [n; 32],
        key: [n ^ 0xff; 32],
        len,
    }
}

fn chunks(lens: &[u32]) -> Manifest {
    Manifest {
        size: lens.iter().map(|len| u64::from(*len)).sum(),
        body: Body::Chunks(
            lens.iter()
                .zip(0..)
                .map(|(len, n)| chunk(n, *len))
                .collect(),
        ),
    }
}

fn page(count: u32, span: u64) -> PageRef {
    PageRef {
        page: chunk(1, 100),
        span,
        chunks: count,
    }
}

fn pages(pages: &[PageRef]) -> Manifest {
    Manifest {
        size: pages.iter().map(|page| page.span).sum(),
        body: Body::Pages(pages.to_vec()),
    }
}

fn decodes(manifest: &Manifest) -> Result<bool, BadManifest> {
    Ok(Manifest::decode(&manifest.encode()?, manifest.size, &SHAPE).is_ok())
}

#[test]
fn what_is_encoded_decodes_to_itself_and_to_no_other_length() -> TestResult {
    let inline = Manifest {
        size: 3,
        body: Body::Inline(vec![1, 2, 3]),
    };
    let paged = pages(&[page(4, 1 << 20), page(1, 5)]);
    for manifest in [
        inline,
        chunks(&[20_000]),
        chunks(&[1 << 22, 7, 300_000, 1]),
        paged,
    ] {
        let bytes = manifest.encode()?;
        assert!(Manifest::decode(&bytes, manifest.size, &SHAPE)? == manifest);
        assert!(Manifest::decode(&bytes, manifest.size + 1, &SHAPE).is_err());
        for end in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..end], manifest.size, &SHAPE).is_err());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(Manifest::decode(&longer, manifest.size, &SHAPE).is_err());
    }
    Ok(())
}

#[test]
fn there_is_one_form_for_each_length() -> TestResult {
    let inline = |len: usize| Manifest {
        size: len as u64,
        body: Body::Inline(vec![0; len]),
    };
    assert!(!decodes(&inline(0))?, "the empty file has no manifest");
    assert!(decodes(&inline(16 * 1024))?);
    assert!(!decodes(&inline(16 * 1024 + 1))?);
    assert!(!decodes(&chunks(&[16 * 1024]))?);
    assert!(decodes(&chunks(&[16 * 1024 + 1]))?);
    assert!(
        !decodes(&chunks(&[300_000; 5]))?,
        "more chunks than a manifest lists"
    );
    assert!(!decodes(&pages(&[page(4, 1 << 20)]))?, "a single page");
    assert!(
        !decodes(&pages(&[page(3, 1 << 20), page(4, 1 << 20)]))?,
        "a page that is not full"
    );
    assert!(
        !decodes(&pages(&[page(4, 1 << 20), page(5, 1 << 20)]))?,
        "a page too full"
    );
    assert!(!decodes(&pages(&[page(4, 1 << 20); 5]))?, "too many pages");
    Ok(())
}

#[test]
fn attack_b5_impossible_sizes_are_refused_before_anything_is_allocated_for_them() -> TestResult {
    assert!(!decodes(&chunks(&[300_000, 0]))?, "an empty chunk");
    assert!(
        !decodes(&chunks(&[(4 << 20) + 1]))?,
        "a chunk longer than the longest"
    );
    assert!(
        !decodes(&pages(&[page(4, 1 << 62), page(4, 1 << 62)]))?,
        "a page of 2^62 bytes"
    );
    // The sum of these wraps around to a small number.
    let mut wraps = pages(&[page(4, 1 << 20), page(4, 1 << 20)]);
    if let Body::Pages(pages) = &mut wraps.body {
        pages[0].span = u64::MAX;
        pages[1].span = 40_001;
        wraps.size = 40_000;
    }
    assert!(!decodes(&wraps)?);
    // A list that claims 2^40 lines in a few bytes.
    for form in [1, 2] {
        let mut bytes = vec![1, 0x80, 0x80, 0x40, form];
        bytes.extend([0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
        bytes.extend([7; 200]);
        assert!(Manifest::decode(&bytes, 1 << 20, &SHAPE).is_err());
    }
    let huge = vec![0; SHAPE.manifest_max() + 1];
    assert!(Manifest::decode(&huge, 1 << 20, &SHAPE).is_err());
    Ok(())
}

#[test]
fn the_longest_listings_fit_their_limits() -> TestResult {
    let most = |count: usize| vec![chunk(9, u32::MAX); count];
    assert!(encode_page(&most(4096))?.len() <= Shape::V1.page_max());
    let longest = PageRef {
        page: chunk(9, u32::MAX),
        span: u64::MAX,
        chunks: u32::MAX,
    };
    let body = Body::Pages(vec![longest; 4096]);
    let size = u64::MAX;
    assert!(Manifest { size, body }.encode()?.len() <= Shape::V1.manifest_max());
    // Four tebibytes in the shortest chunks there are.
    assert!(4096 * 4096 * Shape::V1.min as u64 >= 4 << 40);
    Ok(())
}

#[test]
fn an_encoding_other_than_the_one_is_refused() -> TestResult {
    let bytes = chunks(&[20_000, 20_000]).encode()?;
    assert_eq!(&bytes[..3], &[1, 0xc0, 0xb8]);
    // The same size, as a varint of one more byte.
    let wider = [&[1, 0xc0, 0xb8, 0x82, 0x00], &bytes[4..]].concat();
    assert_eq!(bytes[3], 2);
    assert!(Manifest::decode(&wider, 40_000, &SHAPE).is_err());
    let mut other = bytes;
    other[0] = 2;
    assert!(
        Manifest::decode(&other, 40_000, &SHAPE).is_err(),
        "another version"
    );
    Ok(())
}

#[test]
fn a_page_must_be_what_its_name_says() -> TestResult {
    let listed = [chunk(1, 300_000), chunk(2, 5)];
    let bytes = encode_page(&listed)?;
    assert_eq!(decode_page(&bytes, &page(2, 300_005), &SHAPE)?, listed);
    assert!(decode_page(&bytes, &page(2, 300_006), &SHAPE).is_err());
    assert!(decode_page(&bytes, &page(3, 300_005), &SHAPE).is_err());
    assert!(decode_page(&bytes[1..], &page(2, 300_005), &SHAPE).is_err());
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(decode_page(&longer, &page(2, 300_005), &SHAPE).is_err());
    Ok(())
}

#[test]
fn a_run_finds_the_chunk_of_each_byte() {
    let run = Run::new(100, vec![chunk(0, 10), chunk(1, 1), chunk(2, 20)]);
    let starts = |offset| {
        run.from(offset)
            .map(|(start, c)| (start, c.blob[0]))
            .collect::<Vec<_>>()
    };
    assert_eq!(starts(100), [(100, 0), (110, 1), (111, 2)]);
    assert_eq!(starts(109), [(100, 0), (110, 1), (111, 2)]);
    assert_eq!(starts(110), [(110, 1), (111, 2)]);
    assert_eq!(starts(130), [(111, 2)]);
    assert_eq!(starts(131), []);
    assert!(run.holds(100) && run.holds(130) && !run.holds(99) && !run.holds(131));
}

#[test]
fn random_bytes_never_decode_to_what_does_not_encode_to_them() -> TestResult {
    // Damaged manifests are the interesting random bytes: flip each byte to a few values.
    let manifest = chunks(&[20_000, 1, 300_000]);
    let bytes = manifest.encode()?;
    for at in 0..bytes.len() {
        for flip in [1, 2, 0x40, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= flip;
            if let Ok(read) = Manifest::decode(&bad, manifest.size, &SHAPE) {
                assert!(read.encode()? == bad && read != manifest);
            }
        }
    }
    Ok(())
}

/// What is published of manifests: each form, as the bytes before they are sealed.
#[test]
fn the_published_manifests_are_what_is_written() -> Result<(), Box<dyn std::error::Error>> {
    let inline = Manifest {
        size: 3,
        body: Body::Inline(b"abc".to_vec()),
    };
    let several = chunks(&[300_000, 20_000]);
    let whole = page(4096, 4096 * 300_000);
    let paged = pages(&[whole, page(1, 77)]);
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let mut forms = serde_json::Map::new();
    for (name, manifest) in [("inline", inline), ("chunks", several), ("pages", paged)] {
        let bytes = manifest.encode()?;
        let read = Manifest::decode(&bytes, manifest.size, &Shape::V1)?;
        assert!(read == manifest);
        forms.insert(name.to_owned(), hex(&bytes).into());
    }
    let listed = [chunk(0, 300_000), chunk(1, 20_000)];
    forms.insert("page".to_owned(), hex(&encode_page(&listed)?).into());
    let made = serde_json::to_string_pretty(&forms)? + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/manifests.json");
    if std::env::var_os("PEERDRIVE_WRITE_VECTORS").is_some() {
        std::fs::write(path, &made)?;
    }
    let published: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    assert_eq!(published, serde_json::Value::Object(forms));
    Ok(())
}
