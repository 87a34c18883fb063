from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.admission import ReadOptions
from data.loaders import amlsim, amlworld, banksim, elliptic, paysim, sparkov, tabformer
from data.loaders.registry import SOURCES
from fraud.errors import InputError
from tests.data.files import OPTIONS, refused, write

Load = Callable[[Path, ReadOptions], pd.DataFrame]

BANKSIM = """step,customer,age,gender,zipcodeOri,merchant,zipMerchant,category,amount,fraud
0,'C1093826151','4','M','28007','M348934600','28007','es_transportation',4.55,0
1,'C352968107','2','M','28007','M1823072687','28007','es_health',39.68,1
1,'C2054744914','4','F','28007','M1823072687','28007','es_health',0,0
"""
PAYSIM = """step,type,amount,nameOrig,oldbalanceOrg,newbalanceOrig,nameDest,oldbalanceDest,newbalanceDest,isFraud,isFlaggedFraud
1,PAYMENT,9839.64,C1231006815,170136.0,160296.36,M1979787155,0.0,0.0,0,0
2,TRANSFER,181.0,C1305486145,181.0,0.0,C553264065,0.0,0.0,1,0
x,CASH_OUT,181.0,C840083671,181.0,0.0,C38997010,21182.0,0.0,1,0
"""  # noqa: E501 - the true header
AMLWORLD = """Timestamp,From Bank,Account,To Bank,Account,Amount Received,Receiving Currency,Amount Paid,Payment Currency,Payment Format,Is Laundering
2022/09/01 00:20,010,8000EBD30,010,8000EBD30,3697.34,US Dollar,3697.34,US Dollar,Reinvestment,0
2022/09/01 00:21,03208,8000F4580,001,8000F5340,0.01,Euro,0.02,US Dollar,Cheque,1
2022/09/01 00:22,03209,8000F4670,03209,8000F4671,14675.57,Doubloon,14675.57,Doubloon,Wire,0
"""  # noqa: E501 - the true header
PATTERNS = """BEGIN LAUNDERING ATTEMPT - FAN-OUT:  Max 16-degree Fan-Out
2022/09/01 00:21,03208,8000F4580,001,8000F5340,0.01,Euro,0.02,US Dollar,Cheque,1
END LAUNDERING ATTEMPT - FAN-OUT

BEGIN LAUNDERING ATTEMPT - CYCLE:  Max 2 hops
2022/09/02 00:21,03208,8000F4580,001,8000F5340,0.01,Euro,0.02,US Dollar,Cheque,1
END LAUNDERING ATTEMPT - CYCLE
"""
TABFORMER = """User,Card,Year,Month,Day,Time,Amount,Use Chip,Merchant Name,Merchant City,Merchant State,Zip,MCC,Errors?,Is Fraud?
0,0,2002,9,1,06:21,$134.09,Swipe Transaction,3527213246127876953,La Verne,CA,91750.0,5300,,No
0,1,2002,10,11,06:42,$1038.48,Online Transaction,-727612092139916043,ONLINE,,,5411,Bad PIN,Yes
0,0,2002,9,2,06:22,$-120.34,Swipe Transaction,-727612092139916043,Monterey Park,CA,91754.0,5411,,No
"""  # noqa: E501 - the true header
SPARKOV = """,trans_date_trans_time,cc_num,merchant,category,amt,first,last,gender,street,city,state,zip,lat,long,city_pop,job,dob,trans_num,unix_time,merch_lat,merch_long,is_fraud
0,2019-01-01 00:00:18,2703186189652095,"fraud_Rippin, Kub and Mann",misc_net,4.97,A,B,F,561 Perry Cove,Moravian Falls,NC,28654,36.0788,-81.1781,3495,"Psychologist, counselling",1988-03-09,0b242abb623afc578575680df30655b9,1325376018,36.011293,-82.048315,0
1,2019-01-01 00:00:44,630423337322,fraud_Heller,grocery_pos,107.23,C,D,F,43039 Riley,Orient,WA,99160,48.8878,-118.2105,149,"X",1978-06-21,1f76529f8574734946361c461b024d99,1325376044,149.159047,-118.186462,1
"""  # noqa: E501 - the true header


def test_banksim(tmp_path: Path) -> None:
    path = write(tmp_path / "bs140513_032310.csv", BANKSIM)
    frame = banksim.load(path, OPTIONS)
    assert frame["account_id"].tolist() == ["C1093826151", "C352968107"]
    assert frame["merchant_id"].tolist() == ["M348934600", "M1823072687"]
    assert frame["mcc"].tolist() == ["es_transportation", "es_health"]
    assert frame["is_fraud"].tolist() == [0, 1]
    assert frame["event_time"].tolist() == [
        datetime(2012, 11, 1, tzinfo=UTC),
        datetime(2012, 11, 2, tzinfo=UTC),
    ]
    assert list(refused(path)) == [4]


def test_paysim(tmp_path: Path) -> None:
    path = write(tmp_path / "PS_20174392719_1491204439457_log.csv", PAYSIM)
    frame = paysim.load(path, OPTIONS)
    assert frame["merchant_id"].tolist() == ["M1979787155", None]
    assert frame["counterparty_id"].tolist() == [None, "C553264065"]
    assert frame["channel"].tolist() == ["PAYMENT", "TRANSFER"]
    assert frame["event_time"].dt.hour.tolist() == [1, 2]
    assert refused(path) == {4: "step: 'x' is not a number"}


def test_amlworld(tmp_path: Path) -> None:
    path = write(tmp_path / "HI-Small_Trans.csv", AMLWORLD)
    frame = amlworld.load(path, OPTIONS)
    assert frame["account_id"].tolist() == ["010:8000EBD30", "03208:8000F4580"]
    assert frame["merchant_id"].tolist() == ["bank 010", None]
    assert frame["counterparty_id"].tolist() == [None, "001:8000F5340"]
    assert frame["amount"].tolist() == [3697.34, 0.02]
    assert frame["currency"].tolist() == ["USD", "USD"]
    assert frame["event_time"][1] == datetime(2022, 9, 1, 0, 21, tzinfo=UTC)
    assert refused(path) == {4: "currency: 'Doubloon' is not an ISO 4217 code such as USD"}


def test_amlworld_patterns_name_the_rings(tmp_path: Path) -> None:
    path = write(tmp_path / "HI-Small_Trans.csv", AMLWORLD)
    frame = amlworld.load(path, OPTIONS, patterns=write(tmp_path / "HI-Small_Patterns.txt", PATTERNS))
    assert frame["ring_id"].tolist() == [None, "attempt-1"]
    assert frame["fraud_type"].tolist() == [None, "fan_out"]
    with pytest.raises(InputError, match="names no laundering attempt"):
        amlworld.load(path, OPTIONS, patterns=path)
    with pytest.raises(InputError, match="cannot be read as text"):
        amlworld.load(path, OPTIONS, patterns=tmp_path / "none.txt")


def test_tabformer(tmp_path: Path) -> None:
    path = write(tmp_path / "card_transaction.v1.csv", TABFORMER)
    frame = tabformer.load(path, OPTIONS)
    assert frame["account_id"].tolist() == ["0-0", "0-1"]
    assert frame["amount"].tolist() == [134.09, 1038.48]
    assert frame["event_time"].tolist() == [
        datetime(2002, 9, 1, 6, 21, tzinfo=UTC),
        datetime(2002, 10, 11, 6, 42, tzinfo=UTC),
    ]
    assert frame["is_fraud"].tolist() == [0, 1]
    assert refused(path)[4].startswith("amount: -120.34 lies outside")


def test_sparkov(tmp_path: Path) -> None:
    path = write(tmp_path / "fraudTrain.csv", SPARKOV)
    frame = sparkov.load(path, OPTIONS)
    assert frame["transaction_id"].tolist() == ["0b242abb623afc578575680df30655b9"]
    assert frame["merchant_id"].tolist() == ["Rippin, Kub and Mann"]
    assert frame[["latitude", "longitude"]].to_numpy().tolist() == [[36.011293, -82.048315]]
    assert refused(path) == {3: "latitude: lies outside −90 to 90 degrees"}


def test_amlsim_graph(tmp_path: Path) -> None:
    write(
        tmp_path / "nodes.csv.gz",
        "nodeid,isFraud,init_balance,fraudStep\n1,1,9.5,2\n2,1,9.5,-1\n3,0,9.5,-1\n",
    )
    rows = "sourceNodeId,targetNodeId,value,time\n1,2,147.8,2\n1,2,104.06,3\n1,3,5,2\n2,1,5,-1\n3,3,5,1\n9,1,5,4\n"
    path = write(tmp_path / "transactions.csv.gz", rows)
    frame = amlsim.load(tmp_path, OPTIONS)
    pd.testing.assert_frame_equal(frame, amlsim.load(path, OPTIONS))
    assert frame["transaction_id"].tolist() == ["amlsim-5", "amlsim-2", "amlsim-4", "amlsim-3", "amlsim-7"]
    assert frame["is_fraud"].tolist() == [0, 1, 0, 0, 0]
    assert frame["event_time"][1] == datetime(2017, 1, 3, tzinfo=UTC)
    assert refused(path) == {6: "counterparty_id: is the payer itself; a transfer needs two accounts"}
    accounts = amlsim.load_accounts(tmp_path)
    assert accounts.to_dict("list") == {
        "account_id": ["1", "2", "3"],
        "is_fraud": [1, 1, 0],
        "fraud_step": [2, -1, -1],
    }


def test_amlsim_without_nodes_knows_no_truth(tmp_path: Path) -> None:
    path = write(tmp_path / "transactions.csv", "sourceNodeId,targetNodeId,value,time\n1,2,147.8,2\n")
    assert amlsim.load(path, OPTIONS)["is_fraud"].tolist() == [-1]
    write(tmp_path / "nodes.csv", "nodeid,isFraud,fraudStep\n1,1,2\n1,0,2\n")
    with pytest.raises(InputError, match="names a node twice"):
        amlsim.load(path, OPTIONS)
    write(tmp_path / "nodes.csv", "nodeid,isFraud,fraudStep\nx,1,2\n")
    with pytest.raises(InputError, match="is no AMLSim nodes file"):
        amlsim.load(path, OPTIONS)
    path.unlink()
    with pytest.raises(InputError, match=r"holds no transactions\.csv"):
        amlsim.load(tmp_path, OPTIONS)


def test_amlsim_full(tmp_path: Path) -> None:
    rows = (
        "TX_ID,SENDER_ACCOUNT_ID,RECEIVER_ACCOUNT_ID,TX_TYPE,TX_AMOUNT,TIMESTAMP,IS_FRAUD,ALERT_ID\n"
        "1,6456,9069,TRANSFER,465.05,0,False,-1\n2,7516,9543,TRANSFER,564.64,1,True,38\n3,1,2,TRANSFER,1,1,Maybe,-1\n"
    )
    path = write(tmp_path / "transactions.csv", rows)
    frame = amlsim.load(path, OPTIONS)
    assert frame["is_fraud"].tolist() == [0, 1]
    assert frame["ring_id"].tolist() == [None, "38"]
    assert refused(path)[4].startswith("IS_FRAUD: 'Maybe' is none of True")


def elliptic_folder(folder: Path) -> Path:
    features = "".join(
        f"{node},{step},{','.join(['0.1'] * 165)}\n" for node, step in [(11, 1), (12, 1), (13, 2), (14, 2)]
    )
    write(folder / "elliptic_txs_features.csv", features)
    write(folder / "elliptic_txs_classes.csv", "txId,class\n11,2\n12,unknown\n13,1\n")
    return write(folder / "elliptic_txs_edgelist.csv", "txId1,txId2\n11,12\n12,11\n13,14\n99,13\n14,13\n")


def test_elliptic(tmp_path: Path) -> None:
    path = elliptic_folder(tmp_path)
    frame = elliptic.load(tmp_path, OPTIONS)
    assert frame["account_id"].tolist() == ["11", "12", "13", "14"]
    assert frame["is_fraud"].tolist() == [0, -1, 1, -1]
    assert frame["event_time"][2] - frame["event_time"][0] == pd.Timedelta(days=14)
    assert refused(path) == {5: "txId1: '99' is no node of the features file"}
    assert elliptic.load_nodes(tmp_path)["is_fraud"].tolist() == [0, -1, 1, -1]
    with pytest.raises(InputError, match="is no folder"):
        elliptic.load(path, OPTIONS)
    (tmp_path / "elliptic_txs_classes.csv").unlink()
    with pytest.raises(InputError, match="cannot be read as the Elliptic data set"):
        elliptic.load(tmp_path, OPTIONS)


FILES = {
    "amlworld": (amlworld.load, AMLWORLD),
    "banksim": (banksim.load, BANKSIM),
    "paysim": (paysim.load, PAYSIM),
    "sparkov": (sparkov.load, SPARKOV),
    "tabformer": (tabformer.load, TABFORMER),
}


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in {"elliptic", "handbook", "amlsim"}])
def test_the_file_of_another_source_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "t.csv", "a,b,a\n1,2,3\n" if name == "amlworld" else "a,b,c\n1,2,3\n")
    with pytest.raises(InputError, match=r"found a, b|no column"):
        SOURCES[name].load(path, OPTIONS)


junk = st.one_of(
    st.sampled_from(
        [b"", b"0", b"-1", b"1e309", b"nan", b"$", b"'", b'"', b"\xff", b"2022/02/30 00:00", b"99999", b"Yes"]
    ),
    st.text("0123456789.-:/ eE\xe9'\"$", max_size=12).map(str.encode),
)


@settings(max_examples=60)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_spoilt_fields_cost_their_row_only(name: str, data: st.DataObject) -> None:
    load, text = FILES[name]
    header, good, *_ = text.encode().splitlines()
    fields = good.replace(b", Kub", b"").split(b",")
    spoilt = []
    for _ in range(data.draw(st.integers(1, 5))):
        row = list(fields)
        for place in data.draw(st.lists(st.integers(0, len(fields) - 1), min_size=1, max_size=3)):
            row[place] = data.draw(junk)
        spoilt.append(b",".join(row))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "t.csv", b"\n".join([header, *spoilt, good]))
        frame = load(path, OPTIONS)
        lines = set(refused(path))
    # Ids made of row numbers tell the rows that were kept; Sparkov's own ids differ only where they were spoilt.
    assert len(frame) + len(lines) == len(spoilt) + 1
    if name != "sparkov":
        kept = {int(made.rsplit("-", 1)[1]) for made in frame["transaction_id"]}
        assert kept | lines == set(range(2, len(spoilt) + 3))
        assert not kept & lines
        assert len(spoilt) + 2 in kept
