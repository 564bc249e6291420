import java.io.*;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.*;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.json.canal.CanalJsonDeserializationSchema;
import org.apache.flink.formats.json.debezium.DebeziumJsonDeserializationSchema;
import org.apache.flink.formats.json.maxwell.MaxwellJsonDeserializationSchema;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.Collector;

/** Reads messages of a table from the standard input, a line each, by Flink's deserialiser of a format, and prints the rows that are
 *  left after all changes: FORMAT. The table is (id BIGINT, name STRING, amount DECIMAL(20,4), day DATE, at TIMESTAMP(6), note STRING). */
public class Read {
    public static void main(String[] a) throws Exception {
        // As Debezium has them: days, and microseconds.
        boolean counts = a[0].startsWith("debezium");
        DataType type = DataTypes.ROW(
            DataTypes.FIELD("id", DataTypes.BIGINT()),
            DataTypes.FIELD("name", DataTypes.STRING()),
            DataTypes.FIELD("amount", DataTypes.DECIMAL(20, 4)),
            DataTypes.FIELD("day", counts ? DataTypes.INT() : DataTypes.DATE()),
            DataTypes.FIELD("at", counts ? DataTypes.BIGINT() : DataTypes.TIMESTAMP(6)),
            DataTypes.FIELD("note", DataTypes.STRING()));
        RowType logical = (RowType) type.getLogicalType();
        TypeInformation<RowData> info = InternalTypeInfo.of(logical);
        DeserializationSchema<RowData> schema = switch (a[0]) {
            case "maxwell" -> new MaxwellJsonDeserializationSchema(type, List.of(), info, false, TimestampFormat.SQL);
            case "canal" -> CanalJsonDeserializationSchema.builder(type, List.of(), info).setTimestampFormat(TimestampFormat.SQL).build();
            case "debezium" -> new DebeziumJsonDeserializationSchema(type, List.of(), info, false, false, TimestampFormat.ISO_8601);
            case "debezium-schemas" -> new DebeziumJsonDeserializationSchema(type, List.of(), info, true, false, TimestampFormat.ISO_8601);
            default -> throw new IllegalArgumentException(a[0]);
        };
        schema.open(null);
        TreeMap<String, Integer> rows = new TreeMap<>();
        Collector<RowData> collector = new Collector<>() {
            public void collect(RowData row) {
                StringBuilder text = new StringBuilder();
                for (int i = 0; i < 6; i++) {
                    if (i > 0) text.append('\t');
                    if (row.isNullAt(i)) { text.append("NULL"); continue; }
                    text.append(switch (i) {
                        case 0 -> Long.toString(row.getLong(0));
                        case 2 -> row.getDecimal(2, 20, 4).toBigDecimal().toPlainString();
                        case 3 -> LocalDate.ofEpochDay(row.getInt(3)).toString();
                        case 4 -> (counts ? ofMicros(row.getLong(4)) : row.getTimestamp(4, 6).toLocalDateTime())
                            .format(DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSSSS"));
                        default -> row.getString(i).toString();
                    });
                }
                boolean adds = row.getRowKind() == RowKind.INSERT || row.getRowKind() == RowKind.UPDATE_AFTER;
                rows.merge(text.toString(), adds ? 1 : -1, Integer::sum);
            }
            public void close() {}
        };
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) schema.deserialize(line.getBytes(StandardCharsets.UTF_8), collector);
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        for (Map.Entry<String, Integer> row : rows.entrySet()) {
            if (row.getValue() < 0) throw new IllegalStateException("taken back, but never there: " + row.getKey());
            for (int i = 0; i < row.getValue(); i++) out.println(row.getKey());
        }
        out.flush();
    }

    static LocalDateTime ofMicros(long micros) {
        int nanos = (int) Math.floorMod(micros, 1_000_000L) * 1000;
        return LocalDateTime.ofEpochSecond(Math.floorDiv(micros, 1_000_000L), nanos, ZoneOffset.UTC);
    }
}
