//! Small files of every form, and how each is read.

use super::*;

/// A zip of one stored array `x`, and of `y` for eight rows, with sound checksums.
pub(super) fn npz(x: Vec<u8>) -> Vec<u8> {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (8,), }";
    let y = [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
        &[0, 1, 0, 1, 1, 1, 0, 0],
    ];
    let (mut files, mut index) = (Vec::new(), Vec::new());
    for (name, content) in [("x.npy", x), ("y.npy", y.concat())] {
        let mut crc = Crc::new();
        crc.update(&content);
        let size = (content.len() as u32).to_le_bytes();
        // Version, flags, method, time and date; checksum, sizes, lengths of the name and of what
        // else is said.
        let facts = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &crc.sum().to_le_bytes(),
            &size,
            &size,
            &[5, 0, 0, 0],
        ]
        .concat();
        index.extend(
            [
                b"PK\x01\x02\x14\x00",
                &facts[..],
                &[0; 10],
                &(files.len() as u32).to_le_bytes(),
                name.as_bytes(),
            ]
            .concat(),
        );
        files.extend([b"PK\x03\x04", &facts[..], name.as_bytes(), &content].concat());
    }
    let [length, place] = [index.len() as u32, files.len() as u32].map(u32::to_le_bytes);
    [
        &files[..],
        &index,
        b"PK\x05\x06\0\0\0\0\x02\0\x02\0",
        &length,
        &place,
        &[0, 0],
    ]
    .concat()
}

/// NumPy's array of eight rows of three doubles.
pub(super) fn npy() -> Vec<u8> {
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (8, 3), }\n";
    let values: Vec<u8> = (0..24)
        .flat_map(|value| f64::from(value).to_le_bytes())
        .collect();
    [
        b"\x93NUMPY\x01\x00",
        &(header.len() as u16).to_le_bytes()[..],
        header.as_bytes(),
        &values,
    ]
    .concat()
}

pub(super) fn gz(bytes: Vec<u8>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&bytes).expect("in memory");
    packer.finish().expect("in memory")
}

pub(super) fn bz2(bytes: Vec<u8>) -> Vec<u8> {
    let mut packer = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packer.write_all(&bytes).expect("in memory");
    packer.finish().expect("in memory")
}

pub(super) fn safetensors(tensors: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
    let bytes = vec![1; 256];
    let views = tensors.iter().map(|&(name, kind, shape)| {
        let length = shape.iter().product::<usize>() * kind.size();
        (name, TensorView::new(kind, shape.to_vec(), &bytes[..length]).expect("so many"))
    });
    safetensors::serialize(views, &None).expect("sound")
}

/// Every data set of files on its small ones, and other forms that it may have.
pub(super) fn sets() -> Vec<Case> {
    let made = tempfile::tempdir().expect("a folder");
    let of_table = DATASETS
        .iter()
        .map(|entry| entry.name)
        .filter(|name| *name != "synthetic");
    let mut cases: Vec<Case> = of_table
        .map(|name| Case::of_set(choice(name)).with_all(&small_files(made.path(), name)))
        .collect();
    let packed = Case::of_set("mnist").with_all(&small_files(made.path(), "mnist"));
    for path in below(packed.folder.path()) {
        fs::rename(&path, path.with_extension("gz")).expect("writable");
    }
    cases.push(packed.packed(gz));
    let [train, test] = ["a9a", "a9a.t"]
        .map(|name| fs::read(small_files(made.path(), "libsvm").join(name)).expect("readable"));
    cases.push(
        Case::of_set("libsvm")
            .with("a9a.bz2", &train)
            .with("a9a.t.bz2", &test)
            .packed(bz2),
    );
    cases.push(
        Case::of_set("libsvm")
            .with("a9a.bz2", &bz2(train))
            .with("a9a.t.bz2", &bz2(test)),
    );
    let arrays = [
        ("x", Dtype::F32, &[8, 3][..]),
        ("y", Dtype::U8, &[8]),
        ("users", Dtype::I32, &[8]),
    ];
    cases.push(Case::of_set("arrays").with("train.safetensors", &safetensors(&arrays)));
    cases.push(Case::of_set("arrays").with("train.npz", &npy()).packed(npz));
    let blob = |data: &str| {
        format!(
            r#"{{"users": ["b", "a"], "num_samples": [1, 2], "user_data": {data}, "user_data_label": {{"a": [1, 0], "b": [2.0]}}}}"#
        )
    };
    let shapes = [
        r#"{"a": {"x": [[1, 2], [3, 4]]}, "b": {"x": [[5, 6]]}}"#,
        r#"{"a": [[1, 2], [3, 4]], "b": [[5, 6]]}"#,
    ];
    for shape in shapes {
        let [train, test] = ["train_data.json", "test_data.json"];
        cases.push(
            Case::of_set("flute")
                .with(train, blob(shape).as_bytes())
                .with(test, blob(shape).as_bytes()),
        );
    }
    let own = |name: &str| small_files(made.path(), name);
    cases.push(Case::of_set("csv:label=y,missing=zero").with_all(&own("csv")));
    cases.push(Case::of_set("parquet:label=y,missing=zero").with_all(&own("parquet")));
    cases.push(Case::of_set("text:length=8").with_all(&own("text")));
    cases.push(Case::of_set("flute_text").with_all(&own("flute_text_hdf5")));
    let list = b"user,file,label\nu,train/cat/a.png,1\nv,train/dog/b.jpg,0\nu,test/cat/c.png,0\nv,test/dog/d.png,1\n";
    let listed = || {
        Case::of_set("images:side=4,test_share=0.5")
            .with_all(&own("images"))
            .with("list.csv", list)
    };
    let kept = listed();
    assert_eq!(kept.read(), Ok(()));
    cases.extend([listed(), kept.only(".safetensors")]);
    cases
}

/// Every other file of a user's.
pub(super) fn others() -> Vec<Case> {
    fn said<T, E: ToString>(result: Result<T, E>) -> Result<(), String> {
        result.map(drop).map_err(|error| error.to_string())
    }
    let lists = b"[[0, 1, 2], [3, 4, 5]]";
    let delay = |kind: &'static str| {
        move |path: &Path| {
            said(Delay::make(&format!("{kind}:{}", path.display()).as_str().into(), 3))
        }
    };
    let selector = |kind: &'static str| {
        move |path: &Path| {
            let facts = select::Facts {
                clients: 6,
                wanted: 3,
            };
            let choice = format!("{kind}:{}", path.display()).as_str().into();
            said(List::of(&choice).and_then(|list| select::make(&choice, facts, list.as_ref())))
        }
    };
    let model = |model: String, from: Option<&Path>, facts: &Facts| {
        let trained = Trained {
            only: None,
            lora: None,
        };
        said(models::make(
            &model.as_str().into(),
            facts,
            Start {
                from,
                trained,
                device: Device::Cpu,
                seed: Seed(3),
            },
        ))
    };
    let split = |path: &Path| {
        let (entry, values) = partition::KIND
            .look_up(&format!("hetero-fix:{}", path.display()).as_str().into())
            .expect("sound settings");
        let pool = Pool {
            count: 6,
            labels: &[0, 1, 0, 1, 0, 1],
            classes: 2,
            owners: None,
        };
        said((entry.build)(&values, 2).split(&pool, &mut Seed(1).stream(Purpose::Attend)))
    };
    let tensors = safetensors(&[
        ("linear.weight", Dtype::F32, &[3, 6]),
        ("linear.bias", Dtype::F16, &[3]),
    ]);
    let module = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/module.pt"))
        .expect("readable");
    vec![
        Case::of_file("partition", "own.json", lists, |path| said(Partition::load(path, 6, 2))),
        Case::of_file(
            "hetero-fix",
            "net_dataidx_map.txt",
            b"{\n0: [\n0, 1, 2]\n1: [\n3, 4, 5]\n}\n",
            split,
        ),
        Case::of_file("delays by lines", "stale.txt", b"0.5\n1\n2e3\n", delay("file")),
        Case::of_file(
            "delays by client",
            "delays.json",
            b"{\"0\": 1.5, \"1\": 2, \"2\": 3}",
            delay("file"),
        ),
        Case::of_file(
            "trace of delays",
            "trace.csv",
            b"client,seconds\n0,1\n1,2.5\n2,3\n",
            delay("trace"),
        ),
        Case::of_file("cohorts", "cohorts.txt", b"0 1 2 # first\n3,4\n", selector("fixed")),
        Case::of_file(
            "availability",
            "there.csv",
            b"client,first,last\n0,1,9\n1,2,3\n",
            selector("availability"),
        ),
        Case::of_file("rates", "rates.txt", b"1\n0.5\n0.25\n", |path| {
            said(schedule::make(&format!("listed:{}", path.display()).as_str().into()))
        }),
        Case::of_file("--init_from", "start.safetensors", &tensors, move |path| {
            model("lr".to_owned(), Some(path), &Facts::classes(&[6], 3))
        }),
        Case::of_file("TorchScript", "module.pt", &module, move |path| {
            model(format!("script:{}", path.display()), None, &Facts::classes(&[1, 28, 28], 10))
        }),
    ]
}
