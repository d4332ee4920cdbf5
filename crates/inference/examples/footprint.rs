//! scratch
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let file = std::fs::read(&path).unwrap();
    let limit: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let mut limits = rulestage_inference::Limits::default();
    limits.compute_bytes = limit;
    let t = std::time::Instant::now();
    let model = rulestage_inference::Model::load(&file, limits);
    println!("{path}: load {:?}", t.elapsed());
    let model = match model {
        Ok(m) => m,
        Err(e) => {
            println!("  {e}");
            return;
        }
    };
    for i in model.inputs() {
        println!("  {i}");
    }
    let mut inputs = vec![];
    for (info, arg) in model.inputs().iter().zip(std::env::args().skip(3)) {
        let dims: Vec<u32> = arg.split('x').map(|d| d.parse().unwrap()).collect();
        let n: u32 = dims.iter().product();
        let dtype = info.dtype.unwrap();
        let mut data = vec![0u8; n as usize * dtype.size_bytes()];
        if dims == [1] && dtype == rulestage_inference::DataType::I64 {
            data.copy_from_slice(&16000i64.to_le_bytes());
        }
        inputs.push((
            info.name.clone(),
            rulestage_inference::Tensor { dims, dtype, data },
        ));
    }
    let t = std::time::Instant::now();
    match model.compute(inputs) {
        Ok(o) => println!(
            "  ok {:?} {:?}",
            o.iter().map(|(n, t)| (n, &t.dims)).collect::<Vec<_>>(),
            t.elapsed()
        ),
        Err(e) => println!("  {e} {:?}", t.elapsed()),
    }
}
